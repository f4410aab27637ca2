"""Time-stamp tokens: what openssl made passes, everything else is told apart. Judge and maker: openssl ts."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.algorithms import digest_named, new_digest
from agent.timestamp.request import Rejected, request, token_of
from agent.timestamp.token import Timestamp, WrongToken, verify_timestamp
from tests.harness.authority import POLICY, Authority
from tests.harness.authority_server import STAMPING

OCTETS = b"a signature's value"
NONCE = 0x8123456789ABCDEF
DIGESTS = ("sha256", "sha384", "sha512", "streebog256", "streebog512")
KINDS = ("rsa", "ec", "gost256-A", "gost256-TCA", "gost512-A")


@pytest.fixture(scope="module", params=KINDS)
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), request.param, "http://nowhere.invalid")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ec", "http://nowhere.invalid")


def query(digest: str = "sha256", policy: str = "") -> bytes:
    return request(digest_named(digest), new_digest(digest, OCTETS).digest(), NONCE, policy)


def reason(token: bytes, octets: bytes = OCTETS) -> str:
    with pytest.raises(WrongToken) as caught:
        verify_timestamp(token, octets)
    return caught.value.reason


def test_tokens_of_every_kind_of_key_pass_and_say_what_they_hold(authority: Authority) -> None:
    for digest in DIGESTS:
        token = token_of(authority.stamp(query(digest)))
        assert authority.verify_stamp(token, OCTETS).returncode == 0
        stamp = verify_timestamp(token, OCTETS)
        assert (stamp.digest_algorithm, stamp.nonce, stamp.policy) == (digest, NONCE, POLICY)
        assert stamp.certificate.der == authority.stamping.der
        assert set(stamp.certificates) == {authority.stamping.der, authority.issuing.der}
        assert reason(token, OCTETS + b".") == "imprint"


def test_the_moment_is_the_one_that_openssl_reads(one: Authority, tmp_path: Path) -> None:
    token = token_of(one.stamp(query()))
    path = tmp_path / "token"
    path.write_bytes(token)
    shown = one.run("ts", "-reply", "-token_in", "-in", path, "-token_out", "-text").decode()
    (line,) = [line for line in shown.splitlines() if line.startswith("Time stamp:")]
    stamp = verify_timestamp(token, OCTETS)
    assert (
        line.split(": ")[1].replace("  ", " ") == f"{stamp.moment:%b} {stamp.moment.day} {stamp.moment:%H:%M:%S %Y} GMT"
    )


def test_openssl_understands_the_request(one: Authority, tmp_path: Path) -> None:
    path = tmp_path / "query"
    for digest, shown in (("sha512", "sha512"), ("streebog256", "GOST R 34.11-2012 with 256 bit hash")):
        path.write_bytes(query(digest, POLICY))
        text = one.run("ts", "-query", "-in", path, "-text").decode()
        for line in (
            f"Hash Algorithm: {shown}",
            f"Policy OID: {POLICY}",
            f"Nonce: 0x{NONCE:X}",
            "Certificate required: yes",
        ):
            assert line in text


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        ("wrong_imprint", "imprint"),
        ("bad_signature", "signature"),
        ("no_certificate", "certificate"),
        ("unnamed_certificate", "certificate"),
        ("other_certificate", "certificate"),
        ("no_purpose", "purpose"),
        ("other_purpose", "purpose"),
        ("two_purposes", "purpose"),
        ("not_critical", "purpose"),
        ("expired", "expired"),
    ],
)
def test_a_wrong_token_is_told_by_what_is_wrong(authority: Authority, way: str, wanted: str) -> None:
    assert reason(token_of(STAMPING[way](authority, query()))) == wanted


def test_a_flipped_bit_anywhere_in_what_counts_is_found(one: Authority) -> None:
    """Without the certificates, which carry a signature of their own and are named by their digest."""
    token = token_of(one.stamp(query()))
    first = verify_timestamp(token, OCTETS)
    spared = range(token.index(one.issuing.der), token.index(one.issuing.der) + len(one.issuing.der))
    passed = []
    for at in range(len(token)):
        changed = token[:at] + bytes((token[at] ^ (1 << (at % 8)),)) + token[at + 1 :]
        try:
            stamp = verify_timestamp(changed, OCTETS)
        except WrongToken:
            continue
        if at not in spared:
            assert same(stamp, first)
            passed.append(at)
    assert len(passed) < 40  # versions, algorithms named a second time


def same(one: Timestamp, other: Timestamp) -> bool:
    return (one.moment, one.serial, one.policy, one.nonce, one.imprint, one.certificate) == (
        other.moment, other.serial, other.policy, other.nonce, other.imprint, other.certificate,
    )  # fmt: skip


def test_a_token_cut_off_anywhere_is_refused_and_raises_nothing_else(one: Authority) -> None:
    response = one.stamp(query())
    token = token_of(response)
    for end in range(len(token)):
        with pytest.raises(WrongToken):
            verify_timestamp(token[:end], OCTETS)
    for end in range(0, len(response), 7):
        with pytest.raises(WrongToken):
            token_of(response[:end])


def test_no_token_and_too_large_a_token_are_refused(one: Authority) -> None:
    for nothing in (b"", b"0", b"\x30\x00", b"<html>", one.root.der, bytes(64), b"\x30\x80\x00\x00"):
        assert reason(nothing) == "damaged"
        with pytest.raises(WrongToken):
            token_of(nothing)
    assert reason(bytes(300 << 10)) == "too_large"


def test_a_rejection_is_no_token(one: Authority) -> None:
    with pytest.raises(Rejected) as caught:
        token_of(STAMPING["rejecting"](one, query()))
    assert caught.value.status == 2
