"""Streebog by every provider. Judges: RFC 6986, vectors of others, and openssl with the gost engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.algorithms import DIGESTS, new_digest
from agent.errors import DigestTooSlow
from agent.gost import digest, streebog
from agent.gost.digest import MAX_SLOW, PROVIDERS, Digest, Provider
from tests.harness.gost import Gost, vectors

# OpenSSL's comes with a provider that Debian does not switch on.
HERE = [provider for provider in PROVIDERS if provider.name != "OpenSSL"]
NAMES = [provider.name for provider in HERE]


def made(provider: Provider, size: int, *pieces: bytes) -> bytes:
    maker = digest.load(provider)
    assert maker is not None, f"{provider.name} is not here, or does not pass its self-test"
    running = maker(size)
    for piece in pieces:
        running.update(piece)
    return running.digest()


@pytest.mark.parametrize("vector", vectors()["streebog"], ids=lambda one: one["source"])
@pytest.mark.parametrize("provider", HERE, ids=NAMES)
def test_the_vectors_come_out_whole_and_in_pieces(provider: Provider, vector: dict[str, str]) -> None:
    message = bytes.fromhex(vector["message"])
    for size in (32, 64):
        right = bytes.fromhex(vector[f"h{8 * size}_octets"])
        assert made(provider, size, message) == right
        assert made(provider, size, message[:1], b"", message[1:65], message[65:]) == right


@pytest.mark.parametrize("name", ["streebog256", "streebog512"])
def test_openssl_with_the_gost_engine_agrees_at_every_length_around_a_block(tmp_path: Path, name: str) -> None:
    gost = Gost(tmp_path)
    files = []
    for length in (0, 1, 63, 64, 65, 127, 128, 129, 1000, 70_000):
        files.append(tmp_path / str(length))
        files[-1].write_bytes(os.urandom(length))
    engine = {"streebog256": "-md_gost12_256", "streebog512": "-md_gost12_512"}[name]
    lines = gost.openssl("dgst", engine, "-r", *files).stdout.decode().splitlines()
    right = {line.split()[1].lstrip("*"): line.split()[0] for line in lines}
    for file in files:
        assert new_digest(name, file.read_bytes()).hexdigest() == right[str(file)]
        for provider in HERE:
            assert made(provider, digest.SIZES[name], file.read_bytes()).hex() == right[str(file)]


def test_it_is_used_like_an_object_of_hashlib() -> None:
    one, other = new_digest("streebog256", b"ab"), new_digest("streebog256")
    other.update(memoryview(b"xab")[1:2])
    other.digest()
    other.update(bytearray(b"b"))
    assert (one.digest(), one.hexdigest()) == (other.digest(), one.digest().hex())
    large = os.urandom(3 << 20)
    assert new_digest("streebog512", memoryview(large)).digest() == new_digest("streebog512", large).digest()
    assert [len(new_digest(row.name).digest()) for row in DIGESTS] == [row.size for row in DIGESTS]


def test_many_digests_in_the_making_do_not_meet() -> None:
    running = [new_digest("streebog256") for _ in range(50)]
    for round_ in range(3):
        for number, one in enumerate(running):
            one.update(bytes((number,)) * (64 + round_))
    for number, one in enumerate(running):
        assert one.digest() == new_digest("streebog256", bytes((number,)) * (64 + 65 + 66)).digest()


class Wrong:
    """A provider that starts, and digests wrongly where messages are of two blocks."""

    def __init__(self, size: int) -> None:
        self.right = streebog.Streebog(size)
        self.taken = 0

    def update(self, data: bytes) -> None:
        self.right.update(data)
        self.taken += len(data)

    def digest(self) -> bytes:
        return self.right.digest() if self.taken < 128 else bytes(self.right.digest_size)


def absent() -> digest.Maker:
    raise OSError("no such library")


def test_a_provider_that_is_absent_or_digests_wrongly_is_passed_over() -> None:
    slow = PROVIDERS[-1]
    broken = (Provider("absent", absent), Provider("wrong", lambda: Wrong))
    assert digest.choose((*broken, slow))[0] is slow
    assert digest.choose((*broken, PROVIDERS[0], slow))[0] is PROVIDERS[0]


def test_plain_python_comes_last_and_refuses_what_would_take_minutes() -> None:
    slow = PROVIDERS[-1]
    assert slow.limit == MAX_SLOW
    assert [provider.limit for provider in PROVIDERS[:-1]] == [None] * (len(PROVIDERS) - 1)
    taken: list[bytes] = []

    class Counting:
        def update(self, data: bytes) -> None:
            taken.append(data)

        def digest(self) -> bytes:
            return b""

    running = Digest("streebog256", Counting(), MAX_SLOW)
    running.update(bytes(MAX_SLOW - 1))
    running.update(b"1")
    with pytest.raises(DigestTooSlow) as caught:
        running.update(b"2")
    assert caught.value.facts == {"algorithm": "streebog256", "limit": MAX_SLOW}
    assert taken[-1] == b"1"
