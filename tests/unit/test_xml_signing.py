"""XMLDSig and XAdES with RSA and EC: xmlsec1 and signxml judge, and a document's own octets stay as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
import signxml
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from agent.errors import BadParameters, DigestLength, ElementUnclear, SignatureWouldBreak
from agent.xml.algorithms import read_value, written_value
from agent.xml.options import Options
from agent.xml.signature import look
from tests.harness.xml_judges import DS, KeySigner, key_signer, text_of, xmllint, xmlsec

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- до -->\n<?show me?>\n'
    '<order xmlns="urn:order" xmlns:x="urn:x" xml:lang="ru">\r\n'
    '  <item Id="one" x:kind=\'a "b"\' z="&lt;&#13;">Договор &amp; счёт<!-- внутри --></item>\n'
    '  <item Id="two"><![CDATA[</item><item Id="three">]]></item><empty  /><place a=">" />\n</order>\n<?after it?>\n'
).encode()
IDS = ("urn:order:item",)
KEYS = ("rsa2048", "p256", "p384", "p521")
PACKAGINGS = {
    "enveloped": Options(),
    "enveloped-inclusive": Options(canonical="inclusive"),
    "enveloped-comments": Options(canonical="exclusive_with_comments"),
    "enveloped-inclusive-comments": Options(canonical="inclusive_with_comments"),
    "element": Options(reference="two"),
    "element-inclusive": Options(reference="one", canonical="inclusive"),
    "element-comments": Options(reference="one", canonical="inclusive_with_comments"),
    "element-elsewhere": Options(reference="one", place="{urn:order}place"),
    "element-elsewhere-inclusive": Options(reference="one", place="two", canonical="inclusive"),
    "enveloping": Options(packaging="enveloping"),
    "enveloping-inclusive": Options(packaging="enveloping", canonical="inclusive"),
    "enveloping-comments": Options(packaging="enveloping", canonical="exclusive_with_comments"),
    "enveloping-octets": Options(packaging="enveloping", content="octets"),
    "detached": Options(packaging="detached", file="договор №1.xml"),
}


def with_format(options: Options, name: str) -> Options:
    return msgspec.structs.replace(options, format=name)


@pytest.mark.parametrize("name", PACKAGINGS)
@pytest.mark.parametrize("kind", ["xmldsig", "xades"])
def test_xmlsec_accepts_every_packaging_and_not_another_document(tmp_path: Path, kind: str, name: str) -> None:
    signer, options = key_signer("p256"), with_format(PACKAGINGS[name], kind)
    (tmp_path / "договор №1.xml").write_bytes(DOCUMENT)
    value = signer.sign(DOCUMENT, options).value
    mode = "remote,same-doc" if name == "detached" else "empty,same-doc"
    assert xmlsec(tmp_path, value, signer, IDS, mode) == ""
    old, new = "Договор".encode(), "Наговор".encode()
    if name == "detached":
        (tmp_path / "договор №1.xml").write_bytes(DOCUMENT.replace(old, new))
        assert xmlsec(tmp_path, value, signer, IDS, mode) != ""
    elif name == "enveloping-octets":
        assert text_of(value, "Object") == DOCUMENT
    elif name == "element":
        assert xmlsec(tmp_path, value.replace(b"CDATA[<", b"CDATA[ <"), signer, IDS, mode) != ""
    else:
        assert xmlsec(tmp_path, value.replace(old, new), signer, IDS, mode) != ""


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("key", KEYS)
def test_xmlsec_accepts_every_key_and_digest(tmp_path: Path, key: str, digest: str) -> None:
    signer = key_signer(key)
    value = signer.sign(DOCUMENT, Options(format="xades"), signer.algorithm(digest)).value
    assert xmlsec(tmp_path, value, signer, IDS) == ""


@pytest.mark.parametrize("padded", ["pkcs1", "pss"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_signxml_accepts_rsa_with_either_padding(digest: str, padded: str) -> None:
    signer = key_signer("rsa2048")
    value = signer.sign(WITHOUT_OUTER, Options(format="xades"), signer.algorithm(digest, padded)).value
    assert_signxml(value, signer)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("signing_certificate", ["v1", "v2"])
def test_signxml_accepts_xades_of_every_key(key: str, signing_certificate: str) -> None:
    signer = key_signer(key)
    options = Options(format="xades", signing_certificate=signing_certificate)  # type: ignore[arg-type]  # a parameter
    assert_signxml(signer.sign(WITHOUT_OUTER, options).value, signer)


WITHOUT_OUTER = DOCUMENT[DOCUMENT.index(b"<order") : DOCUMENT.rindex(b"<?after")]  # signxml digests the root alone


def assert_signxml(value: bytes, signer: KeySigner) -> None:
    config = XAdESSignatureConfiguration(expect_references=2)
    verified = XAdESVerifier().verify(value, x509_cert=signer.identity.certificate, expect_config=config)
    assert verified[0].signed_xml is not None
    assert verified[0].signed_xml.tag == "{urn:order}order"
    wrong = value.replace("Договор".encode(), "Наговор".encode())
    with pytest.raises(signxml.InvalidDigest):
        XAdESVerifier().verify(wrong, x509_cert=signer.identity.certificate, expect_config=config)


@pytest.mark.parametrize("key", ["p256", "p384", "p521"])
def test_ecdsa_values_are_r_and_s_of_the_length_of_the_key(key: str) -> None:
    signer = key_signer(key)
    size = (signer.description.bits + 7) // 8
    given = signer.value(signer.algorithm(), b"octets")
    written = written_value(given, signer.description)
    r, s = decode_dss_signature(given)
    assert written == r.to_bytes(size, "big") + s.to_bytes(size, "big")
    assert decode_dss_signature(read_value(written, signer.description)) == (r, s)


def test_small_numbers_of_an_ecdsa_value_keep_their_leading_zeros() -> None:
    description = key_signer("p256").description
    assert written_value(bytes.fromhex("3006020101020102"), description) == b"\1".rjust(32, b"\0") + b"\2".rjust(
        32, b"\0"
    )
    for wrong in ("300602010102", "300602010102010200", "3006020101020180", "0406020101020102"):
        with pytest.raises(ValueError, match=r"Ecdsa-Sig-Value|length|truncated"):
            written_value(bytes.fromhex(wrong), description)


@pytest.mark.parametrize("name", [name for name in PACKAGINGS if name.startswith(("enveloped", "element"))])
def test_all_octets_outside_the_signature_stay_as_they_are(name: str) -> None:
    value = key_signer("p256").sign(DOCUMENT, PACKAGINGS[name]).value
    before, rest = value.split(b"<ds:Signature ", 1)
    after = rest.split(b"</ds:Signature>", 1)[1]
    if name == "element-elsewhere":  # the one empty element tag that takes a signature
        before, after = before.removesuffix(b">") + b"/>", after.removeprefix(b"</place>")
    assert before + after == DOCUMENT


def test_a_signature_stands_where_it_was_asked_to() -> None:
    for options, parent in (
        (Options(), "{urn:order}order"),
        (Options(reference="two"), "{urn:order}item"),
        (Options(reference="one", place="{urn:order}place"), "{urn:order}place"),
        (Options(place="two"), "{urn:order}item"),
    ):
        root = etree.fromstring(key_signer("p256").sign(DOCUMENT, options).value)
        (signature,) = root.iter(f"{DS}Signature")
        above = signature.getparent()
        assert above is not None
        assert (above.tag, above[-1]) == (parent, signature)


def test_what_is_signed_is_the_canonical_form_by_xmllint() -> None:
    """Of the whole document: the octets whose digest stands in the signature."""
    for options, form in (
        (Options(canonical="exclusive_with_comments"), "--exc-c14n"),
        (Options(canonical="inclusive_with_comments"), "--c14n"),
    ):
        value = key_signer("p256").sign(DOCUMENT, options).value
        assert text_of(value, "DigestValue") == hashlib.sha256(xmllint(form, data=DOCUMENT)).digest()


def test_a_detached_signature_takes_the_digest_of_a_file_that_nobody_holds(tmp_path: Path) -> None:
    signer, content = key_signer("rsa2048"), b"\0any octets\xff" * 1000
    (tmp_path / "file.bin").write_bytes(content)
    options = Options(format="xades", packaging="detached", file="file.bin", digest=hashlib.sha256(content).digest())
    assert xmlsec(tmp_path, signer.sign(b"", options).value, signer, mode="remote,same-doc") == ""
    short = Options(packaging="detached", file="file.bin", digest=b"short")
    with pytest.raises(DigestLength):
        signer.sign(b"", short)


def test_a_detached_signature_verifies_once_somebody_put_it_into_the_document(tmp_path: Path) -> None:
    signer = key_signer("p256")
    signature = signer.sign(DOCUMENT, Options(packaging="detached", reference="one")).value
    assert signature.startswith(b"<ds:Signature ")
    whole = DOCUMENT.replace(b'<place a=">" />', b"<place>" + signature + b"</place>")
    assert xmlsec(tmp_path, whole, signer, IDS, "same-doc") == ""


def test_an_empty_file_can_be_signed_beside(tmp_path: Path) -> None:
    signer = key_signer("p256")
    (tmp_path / "empty").write_bytes(b"")
    value = signer.sign(b"", Options(packaging="detached", file="empty")).value
    assert xmlsec(tmp_path, value, signer, mode="remote") == ""
    value = signer.sign(b"", Options(packaging="enveloping", content="octets")).value
    assert xmlsec(tmp_path, value, signer, mode="same-doc") == ""


@pytest.mark.parametrize(
    "attribute", ["Id", "ID", "id", "xml:id", "wsu:Id"]
)  # fmt: skip
def test_an_element_is_found_by_whatever_attribute_names_it(attribute: str) -> None:
    wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    document = f'<a xmlns:wsu="{wsu}"><b {attribute}="body">1</b><c/></a>'.encode()
    value = key_signer("p256").sign(document, Options(reference="body")).value
    assert b'URI="#body"' in value


def test_one_element_may_bear_its_id_twice_but_two_may_not() -> None:
    wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    key_signer("p256").sign(f'<a xmlns:w="{wsu}"><b Id="x" w:Id="x"/></a>'.encode(), Options(reference="x"))
    for twice in (b'<a><b Id="x"/><c Id="x"/></a>', b'<a Id="x"><b xml:id="x"/></a>'):
        with pytest.raises(ElementUnclear) as raised:
            look(twice, Options(reference="x"))
        assert raised.value.facts == {"element": "x", "count": 2}
    with pytest.raises(ElementUnclear) as raised:
        look(DOCUMENT, Options(reference="none"))
    assert raised.value.facts == {"element": "none", "count": 0}
    with pytest.raises(ElementUnclear):
        look(DOCUMENT, Options(place="{urn:order}item"))


def test_several_elements_can_be_signed_one_after_another(tmp_path: Path) -> None:
    signer = key_signer("p256")
    once = signer.sign(DOCUMENT, Options(reference="one")).value
    twice = signer.sign(once, Options(reference="two")).value
    both = etree.fromstring(twice).findall(f".//{DS}Reference")
    assert [one.get("URI") for one in both] == ["#one", "#two"]
    for number in (0, 1):
        alone = etree.fromstring(twice)
        signatures = alone.findall(f".//{DS}Signature")
        parent = signatures[number].getparent()
        assert parent is not None
        parent.remove(signatures[number])
        assert xmlsec(tmp_path, etree.tostring(alone), signer, IDS) == ""


@pytest.mark.parametrize("options", [Options(), Options(reference="one"), Options(place="one")])
def test_a_signature_that_is_there_is_not_broken(options: Options) -> None:
    signer = key_signer("p256")
    signed = signer.sign(DOCUMENT, Options(reference="one") if options.reference or options.place else Options()).value
    with pytest.raises(SignatureWouldBreak):
        look(signed, options)


@pytest.mark.parametrize(
    "wrong",
    [
        Options(packaging="detached"), Options(packaging="detached", file="a", reference="b"), Options(file="a"),
        Options(packaging="enveloping", place="a"), Options(content="octets"), Options(digest=bytes(32)),
        Options(packaging="enveloping", reference="a"), Options(transform="smev", canonical="inclusive"),
        Options(packaging="detached", file="a", transform="smev"), Options(packaging="detached", file="../a"),
        Options(packaging="detached", file="a\\b"), Options(packaging="detached", file=".."),
        Options(packaging="detached", reference="one", canonical="inclusive"), Options(reference="a') or id('b"),
        Options(packaging="enveloping", content="octets", transform="smev"), Options(packaging="detached", file=""),
    ],
    ids=repr,
)  # fmt: skip
def test_what_does_not_go_together_is_refused_before_anybody_is_asked(wrong: Options) -> None:
    with pytest.raises(BadParameters):
        look(DOCUMENT, wrong)


def test_plain_xmldsig_has_no_time_stamp() -> None:
    with pytest.raises(BadParameters):
        key_signer("p256").sign(DOCUMENT, Options()).with_timestamp(b"token")
