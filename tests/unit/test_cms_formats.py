"""Plain CMS and CAdES, each key and padding. Judges: openssl, NSS, GnuPG, and the attributes that the specifications
demand and forbid."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from asn1crypto import cms

from agent.algorithms import SHA256, SHA384, algorithm_named
from agent.certificates import der
from agent.certificates.description import describe, signing_algorithm
from agent.certificates.signatures import is_signature
from agent.errors import AlgorithmUnsupported, ContentDiffers, DigestLength, SignatureWrong
from agent.verification.own import Wanted, verify_own
from agent.verification.procedure import verify
from agent.verification.report import Status
from tests.harness.cms import Gpgsm, Nss, make, value
from tests.harness.openssl import NOW, Infrastructure, cms_verify, openssl

DOCUMENT = b"A document\r\n" * 50
KEYS = ("rsa-2048", "p-256", "p-384", "p-521")
SIGN_IN = "1.3.6.1.4.1.99999.7"

CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{end}" for end in (3, 4, 5))
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
CONTENT_HINTS, COMMITMENT = "1.2.840.113549.1.9.16.2.4", "1.2.840.113549.1.9.16.2.16"
MIME_TYPE, COUNTER_SIGNATURE = "0.4.0.1733.2.1", "1.2.840.113549.1.9.6"
TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
VALUES = {"1.2.840.113549.1.9.16.2.23", "1.2.840.113549.1.9.16.2.24"}  # certificate-values, revocation-values

# Attributes that must be there and that must not, by kind of signature; the clause beside each.
MANDATORY = {
    "cms": {
        CONTENT_TYPE: "RFC 5652 section 5.3: where signedAttrs is there",
        MESSAGE_DIGEST: "RFC 5652 section 5.3",
    },
    "cades": {
        CONTENT_TYPE: "EN 319 122-1 clause 5.1.1, table 1",
        MESSAGE_DIGEST: "EN 319 122-1 clause 5.1.2, table 1",
        SIGNING_TIME: "EN 319 122-1 clause 5.2.1: for baseline signatures, table 1",
        SIGNING_CERTIFICATE_V2: "EN 319 122-1 clause 5.2.2.3: for digests other than SHA-1",
    },
    "counter": {
        MESSAGE_DIGEST: "RFC 5652 section 11.4: where there are other attributes",
        SIGNING_TIME: "EN 319 122-1 clause 5.2.1",
        SIGNING_CERTIFICATE_V2: "EN 319 122-1 clause 5.2.2.3",
    },
}
FORBIDDEN = {
    "cms": {
        SIGNING_CERTIFICATE_V2: "it would be CAdES then; whoever asks for plain CMS wants none",
        COUNTER_SIGNATURE: "RFC 5652 section 11.4: unsigned only",
        TIMESTAMP: "EN 319 122-1 clause 5.3: unsigned only",
    },
    "cades": {
        SIGNING_CERTIFICATE: "EN 319 122-1 clause 5.2.2.1: one of the two",
        COUNTER_SIGNATURE: "RFC 5652 section 11.4: unsigned only",
        TIMESTAMP: "EN 319 122-1 clause 5.3: unsigned only",
    },
    "counter": {
        CONTENT_TYPE: "RFC 5652 section 11.4",
        MIME_TYPE: "EN 319 122-1 clause 5.2.4.2",
        CONTENT_HINTS: "EN 319 122-1 clause 5.2.4.1",
        TIMESTAMP: "EN 319 122-1 clause 5.3: unsigned only",
    },
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def nss(pki: Infrastructure, tmp_path_factory: pytest.TempPathFactory) -> Nss:
    return Nss(tmp_path_factory.mktemp("nss"), pki)


@pytest.fixture(scope="module")
def gpgsm(pki: Infrastructure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpgsm]:
    judge = Gpgsm(tmp_path_factory.mktemp("gpgsm"), pki)
    yield judge
    judge.close()


def signer_info(signature: bytes, counter: bool = False) -> cms.SignerInfo:
    info = cms.ContentInfo.load(signature, strict=True)["content"]["signer_infos"][0]
    if not counter:
        return info
    unsigned = {one["type"].dotted: one["values"] for one in info["unsigned_attrs"]}
    return unsigned[COUNTER_SIGNATURE][0]


def attributes(info: cms.SignerInfo) -> dict[str, list[bytes]]:
    return {one["type"].dotted: [value.dump() for value in one["values"]] for one in info["signed_attrs"]}


@pytest.mark.parametrize("kind", MANDATORY)
@pytest.mark.parametrize("key", ["rsa-2048", "p-521"])
def test_attributes_are_those_that_the_specification_demands_and_none_that_it_forbids(
    pki: Infrastructure, kind: str, key: str
) -> None:
    holder = pki.signer(key)
    made = make(holder, DOCUMENT, format="cms" if kind == "cms" else "cades", name="a", reason="b")
    if kind == "counter":
        made = make(holder, DOCUMENT, existing=made.value, mode="counter_sign", name="a", reason="b")
    found = attributes(signer_info(made.value, kind == "counter"))
    assert MANDATORY[kind].keys() <= found.keys()
    assert not FORBIDDEN[kind].keys() & found.keys()
    assert not VALUES & found.keys()
    assert all(len(values) == 1 for values in found.values())  # RFC 5652 sections 11.1 to 11.3
    info = signer_info(made.value, kind == "counter")
    assert info["version"].native == "v1"  # RFC 5652 section 5.3: issuerAndSerialNumber
    whole = der.read(made.value)
    assert whole.end == len(made.value)
    again = openssl("cms", "-cmsout", "-inform", "DER", "-outform", "DER", data=made.value).stdout
    assert again == made.value  # DER: what openssl writes anew is the same


@pytest.mark.parametrize("kind", ["cms", "cades"])
@pytest.mark.parametrize("attached", [True, False])
@pytest.mark.parametrize("key", KEYS)
def test_judges_accept_both_formats_and_only_one_is_cades(
    pki: Infrastructure, nss: Nss, gpgsm: Gpgsm, tmp_path: Path, key: str, attached: bool, kind: str
) -> None:
    holder = pki.signer(key)
    made = make(holder, DOCUMENT, attached=attached, format=kind).value
    content = None if attached else DOCUMENT
    judged = cms_verify(tmp_path, made, pki.root, content)
    assert (judged.returncode == 0) == (kind == "cades"), judged.stderr
    arguments = ("-content", tmp_path / "document") if content else ()
    plain = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", pki.root.certificate, "-purpose", "any", *arguments,
        data=made,
    )  # fmt: skip
    assert plain.stdout == DOCUMENT
    assert nss.accepts(made, content)
    assert not nss.accepts(made.replace(DOCUMENT, DOCUMENT.upper()), DOCUMENT.upper() if content else None)
    if key != "p-521":  # gpgsm 2.2 refuses every signature of such a key: "hash length a multiple of 8 bits"
        assert gpgsm.accepts(made, content) == [f"/CN=signer-{key}/C=RU"]
        assert gpgsm.accepts(made.replace(DOCUMENT, DOCUMENT.upper()), content and DOCUMENT.upper()) == []
    report = verify(made, content, [pki.root.der], NOW + datetime.timedelta(hours=6))
    assert (report.status, report.reasons) == (Status.VALID, ())


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("key", ["rsa-2048", "rsa-pss"])
def test_openssl_accepts_pss_with_its_parameters(pki: Infrastructure, tmp_path: Path, key: str, digest: str) -> None:
    holder = pki.signer(key)
    made = make(holder, DOCUMENT, digest=digest, pss=True).value
    judged = cms_verify(tmp_path, made, pki.root, DOCUMENT)
    assert judged.returncode == 0, judged.stderr
    assert cms_verify(tmp_path, made, pki.root, DOCUMENT + b"!").returncode != 0
    parameters = signer_info(made)["signature_algorithm"]["parameters"]
    assert (
        parameters.native
        == {  # RFC 4055 section 3.1, RFC 4056 section 3
            "hash_algorithm": {"algorithm": digest, "parameters": None},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest, "parameters": None}},
            "salt_length": int(digest[3:]) // 8,
            "trailer_field": "trailer_field_bc",
        }
    )
    report = verify(made, DOCUMENT, [pki.root.der], NOW + datetime.timedelta(hours=6))
    assert (report.status, report.reasons) == (Status.VALID, ())
    assert verify(made, DOCUMENT + b"!", [pki.root.der], NOW + datetime.timedelta(hours=6)).status is Status.INVALID


def test_a_key_for_pss_alone_signs_with_nothing_else(pki: Infrastructure) -> None:
    """RFC 4055 section 1.2."""
    holder = pki.signer("rsa-pss")
    assert holder.description.key == "RSA-PSS 2048"
    made = make(holder, DOCUMENT)  # PKCS#1 is asked for
    assert signer_info(made.value)["signature_algorithm"]["algorithm"].native == "rsassa_pss"


def test_what_a_key_for_pss_alone_signed_otherwise_is_no_signature(pki: Infrastructure, tmp_path: Path) -> None:
    """openssl says so too."""
    holder = pki.signer("rsa-pss")
    algorithm, octets = algorithm_named("rsa-sha256"), b"signed otherwise"
    made = value(holder, algorithm, octets)
    assert not is_signature(holder.description.public_key, algorithm, hashlib.sha256(octets).digest(), made)
    (tmp_path / "value").write_bytes(made)
    (tmp_path / "octets").write_bytes(octets)
    judged = openssl(
        "dgst", "-sha256", "-prverify", holder.key, "-sigopt", "rsa_padding_mode:pkcs1",
        "-signature", tmp_path / "value", tmp_path / "octets", check=False,
    )  # fmt: skip
    assert judged.returncode != 0


def test_a_key_for_one_digest_alone_signs_no_other(pki: Infrastructure, tmp_path: Path) -> None:
    key = tmp_path / "key"
    limits = ["rsa_keygen_bits:2048", "rsa_pss_keygen_md:sha384", "rsa_pss_keygen_mgf1_md:sha384"]
    options = [part for limit in (*limits, "rsa_pss_keygen_saltlen:48") for part in ("-pkeyopt", limit)]
    openssl("genpkey", "-algorithm", "RSA-PSS", *options, "-out", key)
    made = openssl("req", "-new", "-x509", "-key", key, "-sha384", "-subj", "/CN=only", "-outform", "DER").stdout
    certificate = describe(made)
    assert signing_algorithm(certificate, ()).name == "rsa-pss-sha384"
    assert signing_algorithm(certificate, (SHA256, SHA384)).name == "rsa-pss-sha384"
    with pytest.raises(AlgorithmUnsupported):
        signing_algorithm(certificate, (SHA256,))


def test_name_and_reason_stand_where_the_specification_has_them(pki: Infrastructure, tmp_path: Path) -> None:
    """ContentHints (RFC 2634 section 2.9), CommitmentTypeIndication (RFC 5126 section 5.11.1), read by asn1crypto."""
    name, reason = 'Договор "о поставке".pdf', "Согласовано"
    made = make(pki.signer("p-256"), DOCUMENT, name=name + "\n\x00", reason=reason, media_type="application/pdf").value
    assert cms_verify(tmp_path, made, pki.root, DOCUMENT).returncode == 0
    found = attributes(signer_info(made))
    description, content_type = der.read(found[CONTENT_HINTS][0]).children()
    assert description.tag == der.UTF8_STRING
    assert description.contents.decode() == 'Content-Type: application/pdf; name="Договор \\"о поставке\\".pdf"'
    assert der.dotted(content_type) == "1.2.840.113549.1.7.1"
    approval, qualifiers = der.read(found[COMMITMENT][0]).children()
    assert der.dotted(approval) == "1.2.840.113549.1.9.16.6.5"  # id-cti-ets-proofOfApproval
    (qualifier,) = qualifiers.children()
    kind, words = qualifier.children()
    assert der.dotted(kind) == "2.5.4.13"
    assert words.contents.decode() == reason


def test_content_of_a_type_of_its_own_is_no_document(pki: Infrastructure, tmp_path: Path) -> None:
    """Version 3 (RFC 5652 section 5.1), and nothing that passes as a signature of a document."""
    holder = pki.signer("p-256")
    made = make(holder, DOCUMENT, attached=True, content_type=SIGN_IN).value
    data = cms.ContentInfo.load(made)["content"]
    assert data["version"].native == "v3"
    assert data["encap_content_info"]["content_type"].dotted == SIGN_IN
    assert attributes(signer_info(made))[CONTENT_TYPE] == [der.oid(SIGN_IN)]
    assert cms_verify(tmp_path, made, pki.root, None).stdout == DOCUMENT
    digest = hashlib.sha256(DOCUMENT).digest()
    verify_own(made, digest, holder.description, wanted=Wanted(content_type=SIGN_IN))
    with pytest.raises(SignatureWrong):
        verify_own(made, digest, holder.description)
    document = make(holder, DOCUMENT, attached=True).value
    with pytest.raises(SignatureWrong):
        verify_own(document, digest, holder.description, wanted=Wanted(content_type=SIGN_IN))
    renamed = made.replace(der.oid(SIGN_IN), der.oid(SIGN_IN[:-1] + "8"), 1)  # of the content, and not the attribute
    assert verify(renamed, None, [pki.root.der], NOW + datetime.timedelta(hours=6)).status is Status.INVALID
    with pytest.raises(SignatureWrong):
        verify_own(renamed, digest, holder.description, wanted=Wanted(content_type=SIGN_IN))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_digest_of_the_wrong_length_is_refused(pki: Infrastructure, size: int) -> None:
    with pytest.raises(DigestLength) as caught:
        make(pki.signer("p-256"), DOCUMENT, content_digest=bytes(size))
    assert caught.value.facts == {"algorithm": "sha256", "expected": 32, "given": size}


def test_a_digest_must_be_there(pki: Infrastructure) -> None:
    with pytest.raises(ContentDiffers):
        make(pki.signer("p-256"), DOCUMENT, content_digest=None)


def test_empty_content_is_content(pki: Infrastructure, nss: Nss, tmp_path: Path) -> None:
    made = make(pki.signer("rsa-2048"), b"", attached=True).value
    assert cms.ContentInfo.load(made)["content"]["encap_content_info"]["content"].native == b""
    assert cms_verify(tmp_path, made, pki.root, None).returncode == 0
    detached = make(pki.signer("rsa-2048"), b"").value
    assert cms_verify(tmp_path, detached, pki.root, b"").returncode == 0
