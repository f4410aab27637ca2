"""What must not leave: XML signatures that are changed, moved, wrapped, or of something else than was asked."""

from __future__ import annotations

import base64
import re

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.certificates.description import describe
from agent.errors import SignatureWrong
from agent.verification.own_xml import verify_own
from agent.xml import xades
from agent.xml.options import Options
from agent.xml.signature import prepare
from tests.harness.keyfiles import certificate_for
from tests.harness.xml_judges import NOW, KeySigner, key_signer

DOCUMENT = '<bill xmlns="urn:bill"><sum Id="sum">100</sum><note>счёт</note><place/></bill>'.encode()
ENVELOPED, ELEMENT = Options(format="xades"), Options(reference="sum", place="{urn:bill}place")
EVERY = {
    "enveloped": ENVELOPED, "element": ELEMENT, "inclusive": Options(canonical="inclusive"),
    "comments": Options(canonical="exclusive_with_comments"), "smev": Options(reference="sum", transform="smev"),
    "enveloping": Options(format="xades", packaging="enveloping"),
    "octets": Options(packaging="enveloping", content="octets"),
    "file": Options(format="xades", packaging="detached", file="счёт.xml"),
    "detached": Options(packaging="detached", reference="sum"),
}  # fmt: skip


def refuses(value: bytes, options: Options, document: bytes = DOCUMENT, signer: KeySigner | None = None) -> bool:
    by = signer or key_signer("p256")
    try:
        verify_own(value, by.case(document, options), "token")
    except SignatureWrong as error:
        return error.facts == {"token": "token"}
    return False


@pytest.mark.parametrize("name", EVERY)
def test_no_changed_octet_leaves(name: str) -> None:
    options = EVERY[name]
    value = key_signer("p256").sign(DOCUMENT, options).value
    assert not refuses(value, options)
    chain = base64.b64encode(key_signer("p256").chain[0])  # other certificates beside the signer's are not checked
    begin = value.index(chain)
    passed = []
    for at in range(0, len(value), 3):
        if begin <= at < begin + len(chain):
            continue
        changed = bytearray(value)
        changed[at] ^= 1
        if not refuses(bytes(changed), options):
            passed.append(value[max(0, at - 20) : at + 20])
    assert passed == []


@pytest.mark.parametrize("name", EVERY)
def test_a_signature_of_another_document_or_key_or_kind_does_not_leave(name: str) -> None:
    options = EVERY[name]
    value = key_signer("p256").sign(DOCUMENT, options).value
    assert refuses(value, options, DOCUMENT.replace(b"100", b"900"))
    assert refuses(value, options, signer=key_signer("p384"))
    assert refuses(value, options, signer=key_signer("rsa2048"))
    for other in EVERY.values():
        assert other == options or refuses(value, other)


@pytest.mark.parametrize("name", EVERY)
def test_a_wrong_value_of_a_token_does_not_leave(name: str) -> None:
    signer, options = key_signer("rsa2048"), EVERY[name]
    prepared = prepare(
        DOCUMENT, certificate=signer.description, algorithm=signer.algorithm(), moment=NOW, options=options
    )
    right = signer.value(signer.algorithm(), prepared.signed)
    assert not refuses(prepared.complete(right).value, options, signer=signer)
    for wrong in (bytes(256), right[::-1], right[:-1], b"", signer.value(signer.algorithm(), prepared.signed + b" ")):
        assert refuses(prepared.complete(wrong).value, options, signer=signer)


def test_a_wrapped_element_does_not_leave() -> None:
    """The signed element is moved aside, and another one stands in its place."""
    value = key_signer("p256").sign(DOCUMENT, ELEMENT).value
    wrapped = value.replace(
        b'<sum Id="sum">100</sum>', b'<sum Id="other">900</sum><aside><sum Id="sum">100</sum></aside>'
    )
    assert refuses(wrapped, ELEMENT)
    assert refuses(value.replace(b"<note>", b'<sum Id="sum">900</sum><note>'), ELEMENT)
    assert refuses(value.replace(b"<note>", b'<sum xml:id="sum">900</sum><note>'), ELEMENT)


def test_nothing_comes_into_the_document_besides_the_signature() -> None:
    for options in (ENVELOPED, ELEMENT):
        value = key_signer("p256").sign(DOCUMENT, options).value
        for more in (b"<x/>", b"<!-- c -->", b"<?p i?>", b"text"):
            assert refuses(value.replace(b"<ds:Signature ", more + b"<ds:Signature ", 1), options)
            assert refuses(value.replace(b"</ds:Signature>", b"</ds:Signature>" + more, 1), options)
            assert refuses(value + more, options)
    outside = key_signer("p256").sign(DOCUMENT, ELEMENT).value
    assert refuses(outside.replace("счёт".encode(), "счет".encode()), ELEMENT)  # not signed, and not ours to change


def test_no_reference_and_no_property_comes_or_goes() -> None:
    value = key_signer("p256").sign(DOCUMENT, ENVELOPED).value
    (first, second) = re.findall(rb"<ds:Reference .*?</ds:Reference>", value)
    for changed in (
        value.replace(second, b""), value.replace(first, b""), value.replace(first, second),
        value.replace(first, first + first), value.replace(first, first.replace(b'URI=""', b'URI="#sum"')),
        value.replace(b"<ds:KeyInfo>", b"<ds:Object></ds:Object><ds:KeyInfo>"),
        re.sub(rb"<ds:KeyInfo>.*</ds:KeyInfo>", b"", value), re.sub(rb"<ds:Object>.*</ds:Object>", b"", value),
        re.sub(rb"<ds:X509Certificate>.*?</ds:X509Certificate>", b"", value, count=1),
        value.replace(b"xmldsig#enveloped-signature", b"xmldsig#base64"),
    ):  # fmt: skip
        assert changed != value
        assert refuses(changed, ENVELOPED)


def test_properties_of_another_signature_are_not_ours() -> None:
    """Of the same key, document and reference, a second later: everything is right but where it stands."""
    signer = key_signer("p256")
    one = signer.sign(DOCUMENT, ENVELOPED).value
    for pattern in (
        rb"<xades:SignedProperties.*</xades:SignedProperties>",
        rb"<xades:CertDigest>.*</xades:CertDigest>",
    ):
        other = key_signer("p384").sign(DOCUMENT, ENVELOPED).value
        (theirs,) = re.findall(pattern, other)
        changed = re.sub(pattern, theirs.replace(b"\\", b""), one)
        assert changed != one
        assert refuses(changed, ENVELOPED)


@pytest.mark.parametrize("signing_certificate", ["v1", "v2"])
def test_a_signature_that_names_another_certificate_of_the_same_key_does_not_leave(
    monkeypatch: pytest.MonkeyPatch, signing_certificate: str
) -> None:
    """Signed as it stands: only what is said of the certificate is wrong."""
    signer = key_signer("p256")
    twin = describe(certificate_for(signer.identity.key.public_key(), "Twin").public_bytes(Encoding.DER))
    options = msgspec.structs.replace(ENVELOPED, signing_certificate=signing_certificate)
    assert not refuses(signer.sign(DOCUMENT, options).value, options)
    right = xades._digest
    monkeypatch.setattr(xades, "_digest", lambda _certificate: right(twin))
    assert refuses(signer.sign(DOCUMENT, options, checked=False).value, options)


@pytest.mark.parametrize("value", [b"", b"<a/>", b"<ds:Signature/>", DOCUMENT, b"\0", b"<!DOCTYPE a><a/>"], ids=repr)
def test_what_is_no_signature_does_not_leave(value: bytes) -> None:
    for options in EVERY.values():
        assert refuses(value, options)


def test_a_signature_that_lost_its_parts_does_not_leave() -> None:
    for options in EVERY.values():
        value = key_signer("p256").sign(DOCUMENT, options).value
        for name in (
            b"SignedInfo",
            b"SignatureValue",
            b"KeyInfo",
            b"X509Data",
            b"Reference",
            b"Transforms",
            b"DigestValue",
        ):
            changed = re.sub(rb"<ds:%s[ >].*?</ds:%s>" % (name, name), b"", value, count=1)
            assert changed == value or refuses(changed, options)
            empty = re.sub(rb"(<ds:%s[^>]*>).*?(</ds:%s>)" % (name, name), rb"\1\2", value, count=1)
            assert empty == value or refuses(empty, options)


def test_the_digest_of_a_file_that_nobody_holds_is_checked() -> None:
    options = msgspec.structs.replace(EVERY["file"], digest=bytes(32))
    value = key_signer("p256").sign(b"", options).value
    assert refuses(value, msgspec.structs.replace(options, digest=b"\1" * 32), b"")
    assert refuses(value, msgspec.structs.replace(options, file="other.xml"), b"")
