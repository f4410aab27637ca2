"""Signatures that we build, judged by openssl."""

from __future__ import annotations

import datetime
import re
import time
from pathlib import Path

import pytest

from agent.certificates import der
from agent.cms.attributes import signed_attributes
from tests.harness.openssl import NOW, Infrastructure, cms_verify, openssl, sign

DOCUMENT = b"A document\r\nwith lines\n" * 20
DIGESTS = ("sha256", "sha384", "sha512")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("key", ["rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "p-521"])
def test_openssl_accepts_attached_and_detached_signatures_of_every_key_and_digest(
    pki: Infrastructure, tmp_path: Path, key: str, digest: str
) -> None:
    holder = pki.signer(key)
    chain = tuple(issuer.der for issuer in holder.issuers)
    attached = sign(holder, digest, DOCUMENT, attached=True, chain=chain)
    detached = sign(holder, digest, DOCUMENT, attached=False, chain=chain)
    result = cms_verify(tmp_path, attached, pki.root, None)
    assert result.returncode == 0, result.stderr
    assert result.stdout == DOCUMENT
    assert b"CAdES Verification successful" in result.stderr
    assert cms_verify(tmp_path, detached, pki.root, DOCUMENT).returncode == 0


def test_openssl_refuses_the_signature_of_another_document(pki: Infrastructure, tmp_path: Path) -> None:
    holder = pki.signer("p-256")
    chain = tuple(issuer.der for issuer in holder.issuers)
    detached = sign(holder, "sha256", DOCUMENT, attached=False, chain=chain)
    assert cms_verify(tmp_path, detached, pki.root, DOCUMENT + b".").returncode != 0


@pytest.mark.parametrize("content", [b"", b"x" * 127, b"x" * 128, b"x" * 65536, bytes(5 << 20)], ids=len)
def test_openssl_gives_back_attached_content_of_any_size(pki: Infrastructure, tmp_path: Path, content: bytes) -> None:
    holder = pki.signer("p-256")
    chain = (pki.intermediate.der,)
    result = cms_verify(tmp_path, sign(holder, "sha256", content, attached=True, chain=chain), pki.root, None)
    assert result.returncode == 0, result.stderr
    assert result.stdout == content
    detached = sign(holder, "sha256", content, attached=False, chain=chain)
    assert cms_verify(tmp_path, detached, pki.root, content).returncode == 0


def test_the_chain_is_needed_to_verify_and_is_there(pki: Infrastructure, tmp_path: Path) -> None:
    holder = pki.signer("p-256")
    without = sign(holder, "sha256", DOCUMENT, attached=True)
    assert cms_verify(tmp_path, without, pki.root, None).returncode != 0
    chained = sign(holder, "sha256", DOCUMENT, attached=True, chain=(pki.intermediate.der, holder.der))
    listed = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", data=chained).stdout.decode()
    subjects = re.findall(r"^ *subject: .*CN ?= ?(\S+)", listed, re.MULTILINE)
    assert sorted(subjects) == ["intermediate", "signer-p-256"]


def test_openssl_reads_our_structure_as_one_signer_of_version_1_with_its_attributes(pki: Infrastructure) -> None:
    holder = pki.signer("rsa-2048")
    signature = sign(holder, "sha384", DOCUMENT, attached=False)
    shown = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", data=signature).stdout.decode()
    assert re.findall(r"^ *version: (\d+)", shown, re.MULTILINE)[0] == "1"
    for name in ("contentType", "messageDigest", "signingTime", "id-smime-aa-signingCertificateV2"):
        assert shown.count(f"object: {name} (") == 1
    assert "eContent: <ABSENT>" in shown
    assert "algorithm: sha384 (" in shown
    assert re.search(r"signatureAlgorithm: *\n *algorithm: rsaEncryption .*\n *parameter: NULL", shown)
    assert f"{NOW:%b} {NOW.day:2d} {NOW:%H:%M:%S %Y} GMT" in shown


def test_openssl_writes_the_structure_back_byte_for_byte_as_der(pki: Infrastructure) -> None:
    for key in ("rsa-2048", "p-384"):
        signature = sign(pki.signer(key), "sha256", DOCUMENT, attached=True, chain=(pki.intermediate.der,))
        again = openssl("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=signature).stdout
        assert again == signature
        openssl("asn1parse", "-inform", "DER", "-noout", data=signature)


def test_times_up_to_2049_are_utctime_and_later_ones_generalizedtime() -> None:
    """RFC 5652 section 11.3."""
    zone = datetime.timezone(datetime.timedelta(hours=3))
    moments = {
        datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC): b"\x17\x0d491231235959Z",
        datetime.datetime(2050, 1, 1, 2, 59, 59, 999999, tzinfo=zone): b"\x17\x0d491231235959Z",
        datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC): b"\x18\x0f20500101000000Z",
        datetime.datetime(1950, 1, 1, tzinfo=datetime.UTC): b"\x17\x0d500101000000Z",
        datetime.datetime(1949, 12, 31, tzinfo=datetime.UTC): b"\x18\x0f19491231000000Z",
    }
    assert {moment: der.time(moment) for moment in moments} == moments


def test_a_naive_time_is_refused(pki: Infrastructure) -> None:
    with pytest.raises(ValueError, match="naive"):
        signed_attributes(bytes(32), pki.root.description, NOW.replace(tzinfo=None))


def test_building_a_signature_takes_well_under_half_a_millisecond(pki: Infrastructure) -> None:
    """The key's own work left out; the limit is generous for machines that do other things meanwhile."""
    from agent.algorithms import algorithm_named
    from agent.cms.signed_data import signed_data

    certificate = pki.signer("rsa-2048").description
    algorithm = algorithm_named("rsa-sha256")
    times = []
    for _ in range(200):
        begun = time.perf_counter()
        attributes = signed_attributes(bytes(32), certificate, NOW)
        signed_data(
            attributes=attributes,
            signature=bytes(256),
            algorithm=algorithm,
            certificate=certificate,
            content=bytes(1024),
        )
        times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < 0.0005
