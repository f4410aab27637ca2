"""XAdES baseline levels B-B, B-T and B-LT against the table of the standard, its schema, and openssl.

The table is table 2 of clause 6.3 of ETSI EN 319 132-1 V1.3.1 (2024-07).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from lxml import etree

from agent.algorithms import SignatureAlgorithm, digest_named, new_digest
from agent.cms.formats import Material
from agent.errors import SignatureWrong
from agent.timestamp.request import request, token_of
from agent.verification.own_xml import verify_own
from agent.xml.options import Options
from agent.xml.signature import CompletedXml
from tests.harness.authority import Authority
from tests.harness.xml_judges import DS, NOW, XADES, Signer, schema, xmllint, xmlsec_by, xsd_problems

NAMESPACES = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "x": "http://uri.etsi.org/01903/v1.3.2#",
    "x141": "http://uri.etsi.org/01903/v1.4.1#",
}
DOCUMENT = '<act xmlns="urn:act"><text Id="t">Акт сверки</text></act>'.encode()
KINDS = ("rsa", "ec", "gost256-A", "gost512-A")
OPTIONS = Options(format="xades")


class Row(NamedTuple):
    """How often an element is there at each level: a number, or a range."""

    path: str
    clause: str
    b: range
    t: range
    lt: range


def every(path: str, clause: str, count: range) -> Row:
    return Row(path, clause, count, count, count)


def never(*names: str) -> list[Row]:
    return [every(f"//x:{name} | //x141:{name}", "6.3, table 2: shall not be present", NONE) for name in names]


NONE, ONE, MAYBE, SOME = range(1), range(1, 2), range(2), range(1, 100)
SIGNED = "/ds:Signature/ds:Object/x:QualifyingProperties/x:SignedProperties"
UNSIGNED = "/ds:Signature/ds:Object/x:QualifyingProperties/x:UnsignedProperties/x:UnsignedSignatureProperties"
TABLE = [
    every("/ds:Signature/ds:KeyInfo/ds:X509Data", "6.3; XMLDSIG 4.5.4", ONE),
    every("/ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate", "6.3 a, b", SOME),
    every("/ds:Signature/ds:SignedInfo/ds:CanonicalizationMethod", "6.3; XMLDSIG 4.4.1", ONE),
    every("/ds:Signature/ds:SignedInfo/ds:Reference", "6.3; XMLDSIG 4.4.3", range(2, 3)),
    every("//ds:Reference[count(ds:Transforms) > 1]", "6.3; XMLDSIG 4.4.3.4", NONE),
    every("//ds:Reference[@Type='http://uri.etsi.org/01903#SignedProperties']", "4.4", ONE),
    every("//x:QualifyingProperties", "6.3, note 1", ONE),
    every("//x:QualifyingPropertiesReference", "6.3, note 1", NONE),
    every(f"{SIGNED}", "4.3", ONE),
    every(f"{SIGNED}/x:SignedSignatureProperties/x:SigningTime", "5.2.1", ONE),
    every(f"{SIGNED}/x:SignedSignatureProperties/x:SigningCertificateV2/x:Cert", "5.2.2", ONE),
    every("//x:SigningCertificateV2/x:Cert/@URI", "6.3 i", NONE),
    every("//x:SigningCertificateV2/x:Cert/x:IssuerSerialV2", "6.3 j (should not)", NONE),
    every(f"{SIGNED}/x:SignedDataObjectProperties/x:DataObjectFormat", "5.2.4; 6.3 k", ONE),
    every("//x:DataObjectFormat/x:MimeType", "5.2.4", ONE),
    every("//x:DataObjectFormat/@ObjectReference", "5.2.4", ONE),
    every("//x:DataObjectFormat/x:Description | //x:DataObjectFormat/x:Encoding", "5.2.4", MAYBE),
    Row(f"{UNSIGNED}/x:SignatureTimeStamp", "5.3", NONE, ONE, ONE),
    Row("//x:SignatureTimeStamp/x:EncapsulatedTimeStamp", "6.3 n", NONE, ONE, ONE),
    Row(f"{UNSIGNED}/x:CertificateValues", "5.4.2", NONE, NONE, MAYBE),
    Row(f"{UNSIGNED}/x:RevocationValues", "5.4.3", NONE, NONE, ONE),
    Row(f"{UNSIGNED}/x141:TimeStampValidationData", "5.5.1; 6.3 x, y", NONE, NONE, ONE),
    *never(
        "SigningCertificate", "SignerRole", "SignatureProductionPlace", "CompleteCertificateRefs",
        "AttributeCertificateRefs", "SigAndRefsTimeStamp", "RefsOnlyTimeStamp", "ArchiveTimeStamp",
        "CompleteCertificateRefsV2", "AttributeCertificateRefsV2", "CompleteRevocationRefs",
        "AttributeRevocationRefs", "SigAndRefsTimeStampV2", "RefsOnlyTimeStampV2", "SignaturePolicyStore",
    ),
]  # fmt: skip
DIGESTS = {"rsa": "sha256", "ec": "sha256", "gost256-A": "streebog256", "gost512-A": "streebog512"}


class AuthoritySigner(Signer):
    """A signer of an authority that answers, by openssl."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.holder = authority.signer()
        self.description = self.holder.description
        self.chain = (authority.issuing.der,)

    def value(self, algorithm: SignatureAlgorithm, octets: bytes) -> bytes:
        digest, made = self.authority.folder / "digest", self.authority.folder / "made"
        digest.write_bytes(new_digest(algorithm.digest.name, octets).digest())
        more = (
            ("-pkeyopt", "rsa_padding_mode:pkcs1", "-pkeyopt", "digest:sha256") if algorithm.key_type == "rsa" else ()
        )
        self.authority.run("pkeyutl", "-sign", "-inkey", self.holder.key, "-in", digest, "-out", made, *more)
        return made.read_bytes()

    def stamp(self, octets: bytes) -> bytes:
        algorithm = digest_named(DIGESTS[self.authority.kind])
        asked = request(algorithm, new_digest(algorithm.name, octets).digest(), 7)
        return token_of(self.authority.stamp(asked))

    def material(self) -> Material:
        authority = self.authority
        certificates = (self.holder.der, authority.issuing.der, authority.root.der, authority.stamping.der)
        lists = (authority.revocation_list(authority.issuing), authority.revocation_list(authority.root))
        return Material(certificates, tuple(self.ocsp(holder) for holder in (self.holder, authority.stamping)), lists)

    def ocsp(self, holder: object) -> bytes:
        authority, asked = self.authority, self.authority.folder / "asked"
        path = holder.certificate  # type: ignore[attr-defined]  # a holder of the authority
        authority.run("ocsp", "-issuer", authority.issuing.certificate, "-cert", path, "-reqout", asked)
        return authority.answer_ocsp(asked.read_bytes(), authority.issuing)

    def at_level(self, level: str, options: Options = OPTIONS, document: bytes = DOCUMENT) -> CompletedXml:
        made = self.sign(document, options)
        if level != "b":
            made = made.with_timestamp(self.stamp(made.stamped))
        return made.with_material(self.material()) if level == "lt" else made


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], AuthoritySigner]:
    made: dict[str, AuthoritySigner] = {}

    def of(kind: str) -> AuthoritySigner:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = AuthoritySigner(Authority(folder, kind, "http://127.0.0.1:1"))
        return made[kind]

    return of


def signature_of(value: bytes) -> etree._ElementTree:
    """ds:Signature as a document of its own."""
    (found,) = etree.fromstring(value).iter(f"{DS}Signature")
    return etree.ElementTree(etree.fromstring(etree.tostring(found)))


@pytest.mark.parametrize("level", ["b", "t", "lt"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_level_has_what_the_table_wants_and_nothing_that_it_forbids(
    signer: Callable[[str], AuthoritySigner], kind: str, level: str
) -> None:
    by = signer(kind)
    value = by.at_level(level).value
    verify_own(value, by.case(DOCUMENT, OPTIONS, level=level))
    tree = signature_of(value)
    wrong = []
    for row in TABLE:
        found = tree.xpath(row.path, namespaces=NAMESPACES)
        allowed = {"b": row.b, "t": row.t, "lt": row.lt}[level]
        if len(found) not in allowed:  # type: ignore[arg-type]  # all rows find nodes
            wrong.append((row.path, row.clause, found))
    assert wrong == []
    assert xsd_problems(tree) == ()


def test_the_schema_would_tell() -> None:
    wrong = etree.fromstring(
        b'<x:QualifyingProperties xmlns:x="%s" Target="#a"><x:No/></x:QualifyingProperties>' % XADES[1:-1].encode()
    )
    assert not schema().validate(wrong)


@pytest.mark.parametrize("packaging", ["enveloped", "enveloping", "detached"])
@pytest.mark.parametrize("signing_certificate", ["v1", "v2"])
def test_every_packaging_is_valid_by_the_schema(
    signer: Callable[[str], AuthoritySigner], packaging: str, signing_certificate: str
) -> None:
    file = "act.xml" if packaging == "detached" else None
    options = msgspec.structs.replace(OPTIONS, packaging=packaging, file=file, signing_certificate=signing_certificate)
    tree = signature_of(signer("ec").sign(DOCUMENT, options).value)
    assert xsd_problems(tree) == ()
    name = "SigningCertificate" if signing_certificate == "v1" else "SigningCertificateV2"
    assert len(list(tree.iter(f"{XADES}{name}"))) == 1


def test_the_older_property_names_the_issuer_as_openssl_does(signer: Callable[[str], AuthoritySigner]) -> None:
    by = signer("ec")
    tree = signature_of(by.sign(DOCUMENT, msgspec.structs.replace(OPTIONS, signing_certificate="v1")).value)
    said = by.authority.run("x509", "-in", by.holder.certificate, "-noout", "-issuer", "-nameopt", "RFC2253").decode()
    assert tree.findtext(f".//{DS}X509IssuerName") == said.strip().removeprefix("issuer=")
    serial = by.authority.run("x509", "-in", by.holder.certificate, "-noout", "-serial").decode().strip()
    assert int(tree.findtext(f".//{DS}X509SerialNumber") or "") == int(serial.removeprefix("serial="), 16)


def test_the_signing_time_is_utc_and_the_certificate_is_named_by_its_digest(
    signer: Callable[[str], AuthoritySigner],
) -> None:
    for kind, digest in (("ec", "sha256"), ("gost512-A", "md_gost12_512")):
        by = signer(kind)
        tree = signature_of(by.sign(DOCUMENT, OPTIONS).value)
        assert tree.findtext(f".//{XADES}SigningTime") == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        fingerprint = by.authority.run("dgst", f"-{digest}", "-binary", data=by.holder.der)
        (value,) = tree.findall(f".//{XADES}CertDigest/{DS}DigestValue")
        assert base64.b64decode(value.text or "") == fingerprint


@pytest.mark.parametrize("canonical", ["exclusive", "inclusive"])
@pytest.mark.parametrize("kind", KINDS)
def test_openssl_accepts_the_time_stamp_of_the_canonical_signature_value(
    signer: Callable[[str], AuthoritySigner], kind: str, canonical: str
) -> None:
    """The canonical form is cut out of the octets and made by xmllint."""
    by, options = signer(kind), msgspec.structs.replace(OPTIONS, canonical=canonical)
    value = by.at_level("t", options).value
    found = re.search(rb"<ds:SignatureValue( Id=\"[^\"]+\")>[^<]*</ds:SignatureValue>", value)
    assert found is not None
    around = b' xmlns="urn:act"' if canonical == "inclusive" else b""
    alone = found[0].replace(b"<ds:SignatureValue", b'<ds:SignatureValue xmlns:ds="%s"%s' % (DS[1:-1].encode(), around))
    octets = xmllint("--exc-c14n" if canonical == "exclusive" else "--c14n", data=alone)
    token = base64.b64decode(signature_of(value).findtext(f".//{XADES}EncapsulatedTimeStamp") or "")
    judged = by.authority.verify_stamp(token, octets)
    assert judged.returncode == 0, judged.stderr
    verify_own(value, by.case(DOCUMENT, options, level="t"))
    assert by.authority.verify_stamp(token, octets + b" ").returncode != 0


@pytest.mark.parametrize("level", ["b", "t", "lt"])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_xmlsec_accepts_every_level(
    tmp_path: Path, signer: Callable[[str], AuthoritySigner], kind: str, level: str
) -> None:
    by = signer(kind)
    assert xmlsec_by(tmp_path, by.at_level(level).value, by.authority.root.certificate.read_bytes()) == ""


def test_what_proves_the_signer_and_what_proves_the_time_stamp_are_apart_and_nothing_is_there_twice(
    signer: Callable[[str], AuthoritySigner],
) -> None:
    by = signer("ec")
    authority, material = by.authority, by.material()
    tree = signature_of(by.at_level("lt").value)
    (data,) = tree.iter("{http://uri.etsi.org/01903/v1.4.1#}TimeStampValidationData")
    (stamp,) = tree.iter(f"{XADES}SignatureTimeStamp")
    assert data.get("URI") == f"#{stamp.get('Id')}"
    assert data.getprevious() is stamp

    def held(path: str) -> list[bytes]:
        found = tree.xpath(path, namespaces=NAMESPACES)
        return [base64.b64decode(one.text or "") for one in found]  # type: ignore[union-attr]  # elements

    keys = held("//ds:X509Certificate")
    assert keys == [by.holder.der, authority.issuing.der]
    assert held(f"{UNSIGNED}/x:CertificateValues/x:EncapsulatedX509Certificate") == [authority.root.der]
    assert held("//x141:TimeStampValidationData//x:EncapsulatedX509Certificate") == []  # all in the token, or above
    assert len(held(f"{UNSIGNED}/x:RevocationValues//x:EncapsulatedCRLValue")) == len(material.crls)
    assert len(held(f"{UNSIGNED}/x:RevocationValues//x:EncapsulatedOCSPValue")) == 1
    assert len(held("//x141:TimeStampValidationData//x:EncapsulatedOCSPValue")) == 1
    everything = held("//ds:X509Certificate | //x:EncapsulatedX509Certificate")
    assert len(everything) == len(set(everything))
    schema().assertValid(etree.fromstring(etree.tostring(data)))


def test_material_that_cannot_be_read_does_not_keep_a_signature_from_its_level(
    signer: Callable[[str], AuthoritySigner],
) -> None:
    by = signer("ec")
    odd = Material((by.authority.root.der,), (b"\x30\x00", b"", b"text"), (b"\x30\x03\x02\x01\x00",))
    value = by.at_level("t").with_material(odd).value
    verify_own(value, by.case(DOCUMENT, OPTIONS, level="lt"))


def test_a_time_stamp_of_something_else_does_not_leave(signer: Callable[[str], AuthoritySigner]) -> None:
    by = signer("ec")
    made = by.sign(DOCUMENT, OPTIONS)
    token = by.stamp(b"something else")
    for wrong in (made.with_timestamp(token), made.with_timestamp(b"\x30\x00"), made.with_timestamp(b"")):
        with pytest.raises(SignatureWrong):
            verify_own(wrong.value, by.case(DOCUMENT, OPTIONS, level="t"))


def test_a_signature_of_another_level_than_was_asked_does_not_leave(signer: Callable[[str], AuthoritySigner]) -> None:
    by = signer("ec")
    values = {level: by.at_level(level).value for level in ("b", "t", "lt")}
    for asked in values:
        for level, value in values.items():
            case = by.case(DOCUMENT, OPTIONS, level=asked)
            if asked == level:
                verify_own(value, case)
            else:
                with pytest.raises(SignatureWrong):
                    verify_own(value, case)
