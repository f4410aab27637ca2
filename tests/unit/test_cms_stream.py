"""What stands around content that nobody holds: openssl judges it, at every length that a length can have (R6)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.algorithms import digest_named
from agent.cms.stream import around, foreseen_header

SIZES = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000]
HUGE = [(1 << 32) + 1, 1 << 40]
DATA = bytes.fromhex("06092a864886f70d010701")  # id-data (RFC 5652 section 4)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signer")
    key, certificate = folder / "key", folder / "cert"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=x")
    return folder


def openssl(*arguments: str | Path) -> bytes:
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def detached(signer: Path, content: Path, digest: str = "sha256") -> bytes:
    """Made by openssl, and not by us."""
    keys = ("-signer", signer / "cert", "-inkey", signer / "key", "-md", digest)
    return openssl("cms", "-sign", "-binary", *keys, "-in", content, "-outform", "DER")


@pytest.mark.parametrize("size", SIZES)
def test_openssl_accepts_its_own_detached_signature_with_the_content_put_in(
    signer: Path, tmp_path: Path, size: int
) -> None:
    content, attached = tmp_path / "content", tmp_path / "attached"
    content.write_bytes(b"x" * size)
    header, tail = around(detached(signer, content), size)
    attached.write_bytes(header + content.read_bytes() + tail)
    command = ("cms", "-verify", "-binary", "-inform", "DER", "-in", attached, "-CAfile", signer / "cert")
    assert openssl(*command, "-purpose", "any") == content.read_bytes()
    openssl("asn1parse", "-inform", "DER", "-in", attached)


@pytest.mark.parametrize("size", HUGE)
def test_lengths_of_more_than_four_octets_say_what_follows(signer: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "content").write_bytes(b"")
    header, tail = around(detached(signer, tmp_path / "content"), size)
    end = len(header) + size + len(tail)
    assert element(header, 0) == (0x30, end)
    encapsulated = header.index(DATA)
    tag, after = element(header, encapsulated + len(DATA))
    assert (tag, after) == (0xA0, len(header) + size)
    assert element(header, header.rindex(b"\x04", 0, len(header) - 5)) == (0x04, len(header) + size)


@pytest.mark.parametrize("size", [*SIZES[:2], 32 << 20, (1 << 32) - (1 << 20), 1 << 32, *HUGE])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_the_length_of_the_header_is_foreseen(signer: Path, tmp_path: Path, digest: str, size: int) -> None:
    (tmp_path / "content").write_bytes(b"")
    header, _tail = around(detached(signer, tmp_path / "content", digest), size)
    foreseen = foreseen_header(digest_named(digest), size)
    assert foreseen == len(header) or size < 1 << 16, "what is small depends on what stands behind it"


def element(octets: bytes, at: int) -> tuple[int, int]:
    """Tag of the element there, and where it ends (X.690 section 8.1.3)."""
    count = octets[at + 1] & 0x7F
    length = int.from_bytes(octets[at + 2 : at + 2 + count], "big")
    return octets[at], at + 2 + count + length


def test_what_is_no_detached_signature_is_refused(signer: Path, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(b"x")
    good = detached(signer, tmp_path / "content")
    header, tail = around(good, 1)
    for wrong in (b"", good[:-1], good + b"\0", b"\x31" + good[1:], header + b"x" + tail):
        with pytest.raises(ValueError, match=r"."):
            around(wrong, 1)
