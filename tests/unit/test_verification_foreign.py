"""Signatures that openssl made, judged by us; openssl's own opinion stands beside ours."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest

from agent.certificates import der
from agent.verification.procedure import verify
from agent.verification.report import Report, Status
from tests.harness.openssl import AUTHORITY, SIGNER, Infrastructure, cms_sign, openssl

# R 1323565.1.025-2019 appendix A, as gost-engine has it in tcl_tests/tc26_cms: GOST R 34.10-2012 256, and its root
GOST = base64.b64decode("""
MIIDAQYJKoZIhvcNAQcCoIIC8jCCAu4CAQExDDAKBggqhQMHAQECAjA7BgkqhkiG9w0BBwGgLgQsyu7t8vDu6/zt++kg7/Do7OXwIOTr/yDx8vDz
6vLz8PsgU2lnbmVkRGF0YS6gggH3MIIB8zCCAaCgAwIBAgIEAYy6gjAKBggqhQMHAQEDAjA4MQ0wCwYDVQQKEwRUSzI2MScwJQYDVQQDEx5DQSBU
SzI2OiBHT1NUIDM0LjEwLTEyIDI1Ni1iaXQwHhcNMDEwMTAxMDAwMDAwWhcNNDkxMjMxMDAwMDAwWjA7MQ0wCwYDVQQKEwRUSzI2MSowKAYDVQQD
EyFPUklHSU5BVE9SOiBHT1NUIDM0LjEwLTEyIDI1Ni1iaXQwaDAhBggqhQMHAQEBATAVBgkqhQMHAQIBAQEGCCqFAwcBAQICA0MABECWKQ0TYllq
g4GmY3tBJiyzpXUN+aOV9WbmTUinqrmEHP7KCNzoAzFg+04SSQpNNSHpQnm+jLAZhuJaJfqZ6VbTo4GFMIGCMGEGA1UdAQRaMFiAFIDZDPeZ+GZN
k1OJjsCecS2npzESoTowODENMAsGA1UEChMEVEsyNjEnMCUGA1UEAxMeQ0EgVEsyNjogR09TVCAzNC4xMC0xMiAyNTYtYml0ggQBjLqBMB0GA1Ud
DgQWBBTRnChHSWbQYwnJC62n2zu5Njd03zAKBggqhQMHAQEDAgNBAB41oijaXSEn58l78y2rhxY35/lKEq4XWZ70FtsNlVxWATyzgO5Wliwnt1O4
GoZsxx8r6T/i7VG65UNmQlwdOKQxgaIwgZ8CAQEwQDA4MQ0wCwYDVQQKEwRUSzI2MScwJQYDVQQDEx5DQSBUSzI2OiBHT1NUIDM0LjEwLTEyIDI1
Ni1iaXQCBAGMuoIwCgYIKoUDBwEBAgIwCgYIKoUDBwEBAQEEQC6jZPA59szL9FiA0wC71EBE42ap6gKxklT800cu2FvbLu972GJYNSI7+UeanVU3
7OVWyenEXi2E5HkU94kBe8Q=
""")
GOST_ROOT = base64.b64decode("""
MIIB8DCCAZ2gAwIBAgIEAYy6gTAKBggqhQMHAQEDAjA4MQ0wCwYDVQQKEwRUSzI2MScwJQYDVQQDEx5DQSBUSzI2OiBHT1NUIDM0LjEwLTEyIDI1
Ni1iaXQwHhcNMDEwMTAxMDAwMDAwWhcNNDkxMjMxMDAwMDAwWjA4MQ0wCwYDVQQKEwRUSzI2MScwJQYDVQQDEx5DQSBUSzI2OiBHT1NUIDM0LjEw
LTEyIDI1Ni1iaXQwaDAhBggqhQMHAQEBATAVBgkqhQMHAQIBAQEGCCqFAwcBAQICA0MABEAaSoKcjw54UACci6svELNF0IYMRIW8urUsqamIpoG4
6XCqrVOuI6Q13N4dwcRsbZdqByf+GC2f5ZfO3baN5bTKo4GFMIGCMGEGA1UdAQRaMFiAFIDZDPeZ+GZNk1OJjsCecS2npzESoTowODENMAsGA1UE
ChMEVEsyNjEnMCUGA1UEAxMeQ0EgVEsyNjogR09TVCAzNC4xMC0xMiAyNTYtYml0ggQBjLqBMB0GA1UdDgQWBBSA2Qz3mfhmTZNTiY7AnnEtp6cx
EjAKBggqhQMHAQEDAgNBAAgv248F4OeNCkhlzJWec0evHYnMBlSzk1lDm0F875B7CqMrKh2MtJHXenbjGc2uRn2IwgmSf/LZDrYsKKqZSxk=
""")
DOCUMENT = b"Signed by somebody else\r\n\x00\xff" * 99


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(DOCUMENT)
    return path


def judged(pki: Infrastructure, signature: bytes, content: bytes | Path | None) -> Report:
    return verify(signature, content, [pki.root.der], datetime.datetime.now(datetime.UTC))


def openssl_accepts(pki: Infrastructure, signature: bytes, content: Path | None) -> bool:
    given = ("-content", content) if content else ()
    result = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", pki.root.certificate, "-purpose", "any", *given,
        data=signature, check=False,
    )  # fmt: skip
    return result.returncode == 0


WAYS = {
    "detached": (),
    "attached": ("-nodetach",),
    "without attributes": ("-noattr",),
    "attached without attributes": ("-nodetach", "-noattr"),
    "by key identifier": ("-keyid",),
    "by key identifier, attached": ("-keyid", "-nodetach"),
    "in a stream of indefinite length": ("-nodetach", "-stream"),
    "CAdES": ("-cades",),
    "CAdES, sha512": ("-cades", "-md", "sha512"),
    "sha384": ("-md", "sha384"),
    "another type of content": ("-nodetach", "-econtent_type", "1.2.643.99999.1"),
}


@pytest.mark.parametrize("key", ["rsa-2048", "p-256", "p-384"])
@pytest.mark.parametrize("way", WAYS)
def test_signatures_by_openssl_are_valid_and_of_no_other_document(
    pki: Infrastructure, document: Path, way: str, key: str
) -> None:
    options = (*WAYS[way], "-certfile", pki.intermediate.certificate)
    signature = cms_sign(pki.signer(key), document, *options)
    attached = "-nodetach" in options
    assert openssl_accepts(pki, signature, None if attached else document)
    report = judged(pki, signature, None if attached else document)
    assert (report.status, report.reasons) == (Status.VALID, ())
    assert report.attached == attached
    assert [signer.certificate and signer.certificate.thumbprint for signer in report.signers] == [
        pki.signer(key).description.thumbprint
    ]
    other = judged(pki, signature, DOCUMENT + b"x")
    assert other.status is Status.INVALID
    assert set(other.reasons) <= {"document_changed", "signature_wrong"}


@pytest.mark.parametrize("options", [(), ("-stream",), ("-nodetach",), ("-nodetach", "-stream")])
def test_pem_and_base64_are_read_as_well_as_der(pki: Infrastructure, document: Path, options: tuple[str, ...]) -> None:
    extra = (*options, "-certfile", pki.intermediate.certificate)
    armoured = cms_sign(pki.signer("p-256"), document, *extra, form="PEM")
    assert armoured.startswith(b"-----BEGIN CMS-----")
    bare = b"".join(armoured.splitlines()[1:-1])
    lines = base64.encodebytes(base64.b64decode(bare)).replace(b"\n", b"\r\n")
    old = armoured.replace(b" CMS--", b" PKCS7--")
    for form in (armoured, bare, lines, b"\xef\xbb\xbf" + lines, old, b"Signature follows\n\n" + armoured + b"\n--\n"):
        assert judged(pki, form, document).status is Status.VALID


def test_several_signers_are_each_judged_and_the_worst_decides(pki: Infrastructure, document: Path) -> None:
    first, second = pki.signer("rsa-2048"), pki.signer("p-384")
    stranger_root = pki.make("stranger-root", "p-256", None, AUTHORITY)
    stranger = pki.make("stranger", "p-256", stranger_root, SIGNER)
    both = ("-signer", second.certificate, "-inkey", second.key, "-certfile", pki.intermediate.certificate)
    signature = cms_sign(first, document, *both)
    report = judged(pki, signature, document)
    assert report.status is Status.VALID
    assert {signer.certificate.owner for signer in report.signers if signer.certificate} == {
        "signer-rsa-2048",
        "signer-p-384",
    }
    third = ("-resign", "-signer", stranger.certificate, "-inkey", stranger.key, "-inform", "DER", "-outform", "DER")
    resigned = openssl(
        "cms", *third, "-binary", "-nosmimecap", data=cms_sign(first, document, *both, "-nodetach")
    ).stdout
    report = judged(pki, resigned, None)
    assert report.status is Status.INDETERMINATE
    assert {signer.certificate.owner: signer.reasons for signer in report.signers if signer.certificate} == {
        "signer-rsa-2048": (),
        "signer-p-384": (),
        "stranger": ("chain_not_built",),
    }


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-nocerts",), "certificate_missing"),
        (("-md", "sha1"), "algorithm_unsupported"),
        (("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha512"), "algorithm_unsupported"),
    ],
)
def test_what_cannot_be_judged_is_indeterminate_with_its_reason(
    pki: Infrastructure, document: Path, options: tuple[str, ...], reason: str
) -> None:
    signature = cms_sign(pki.signer("rsa-2048"), document, *options, "-certfile", pki.intermediate.certificate)
    report = judged(pki, signature, document)
    assert (report.status, report.reasons) == (Status.INDETERMINATE, (reason,))


@pytest.mark.parametrize("salt", ["digest", "max", "0", "20"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_pss_with_any_salt_is_valid_and_with_another_salt_than_it_says_is_not(
    pki: Infrastructure, document: Path, digest: str, salt: str
) -> None:
    options = ("-md", digest, "-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
    extra = (*options, "-certfile", pki.intermediate.certificate)
    signature = cms_sign(pki.signer("rsa-2048"), document, *extra)
    assert judged(pki, signature, document).status is Status.VALID
    assert judged(pki, signature, DOCUMENT + b"x").status is Status.INVALID
    written = bytes.fromhex("a203020114")  # saltLength 20, as it stands in the parameters where it is not the default
    if salt == "0":
        lied = signature.replace(bytes.fromhex("a203020100"), written)
        assert lied != signature
        assert judged(pki, lied, document).reasons == ("signature_wrong",)


def test_certificates_without_a_signer_are_no_signature(pki: Infrastructure) -> None:
    only = openssl("crl2pkcs7", "-nocrl", "-certfile", pki.root.certificate, "-outform", "DER").stdout
    report = judged(pki, only, DOCUMENT)
    assert (report.status, report.reasons) == (Status.INVALID, ("no_signer",))


def test_other_kinds_of_cms_are_no_signature(pki: Infrastructure, document: Path) -> None:
    data = openssl("cms", "-data_create", "-in", document, "-outform", "DER").stdout
    encrypted = openssl(
        "cms", "-encrypt", "-in", document, "-outform", "DER", pki.signer("rsa-2048").certificate
    ).stdout
    for given in (data, encrypted, pki.root.der, pki.root.certificate.read_bytes(), DOCUMENT, b"", b"0", b"MIIB"):
        report = judged(pki, given, DOCUMENT)
        assert (report.status, report.reasons, report.signers) == (Status.INVALID, ("damaged",), ())


def test_a_gost_signature_is_judged_like_every_other(pki: Infrastructure) -> None:
    for anchors, status, reasons in (
        ([pki.root.der], Status.INDETERMINATE, ("chain_not_built",)),
        ([GOST_ROOT], Status.VALID, ()),
    ):
        report = verify(GOST, None, anchors, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        assert (report.status, report.reasons) == (status, reasons)
        (signer,) = report.signers
        assert signer.certificate is not None
        assert signer.certificate.subject == "CN=ORIGINATOR: GOST 34.10-12 256-bit,O=TK26"


def test_the_type_of_the_content_is_the_one_that_was_signed(pki: Infrastructure, document: Path) -> None:
    """RFC 5652 section 11.1: or a document of one kind could be passed off as one of another. openssl 3.0 lets it."""
    way = (*WAYS["another type of content"], "-certfile", pki.intermediate.certificate)
    signature = cms_sign(pki.signer("p-256"), document, *way)
    kind = der.oid("1.2.643.99999.1")
    assert signature.count(kind) == 2  # eContentType and the signed attribute
    other = signature.replace(kind, der.oid("1.2.643.99999.2"), 1)
    assert judged(pki, signature, None).status is Status.VALID
    report = judged(pki, other, None)
    assert (report.status, report.reasons) == (Status.INVALID, ("damaged",))
