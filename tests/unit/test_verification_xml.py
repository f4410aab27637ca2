"""The signatures inside XML documents as `pero verify` judges them. Judges of the same files: xmlsec1, signxml, openssl
with the gost engine; attacks as the literature on signature wrapping has them."""

from __future__ import annotations

import base64
import contextlib
import datetime
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import signxml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from agent.certificates import pem
from agent.errors import XmlUnsafe
from agent.verification.documents import verify_any
from agent.verification.report import Report
from agent.xml.options import Options
from tests.harness.gost import KEYS, Gost
from tests.harness.xml_judges import GostSigner, KeySigner, key_signer, xmlsec

NOW = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)  # later than the certificates are made
DOCUMENT = b'<order xmlns="urn:shop" Id="all"><item Id="o1">tea</item><!-- c --><price>10</price></order>'
DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
WAYS = (
    Options(), Options(format="xades"), Options(format="xades", signing_certificate="v1"),
    Options(canonical="inclusive"), Options(canonical="exclusive_with_comments"), Options(transform="smev"),
    Options(packaging="enveloping"), Options(packaging="enveloping", content="octets", format="xades"),
    Options(packaging="enveloping", canonical="exclusive_with_comments"),
    Options(packaging="detached", file="a.xml"), Options(packaging="detached", reference="all", format="xades"),
    Options(reference="all", format="xades", place="{urn:shop}price"),
)  # fmt: skip


def root_of(signer: KeySigner) -> bytes:
    return pem.blocks(signer.root, frozenset({"CERTIFICATE"}))[0]


def judged(value: bytes, signer: KeySigner, content: bytes | None = None) -> Report:
    return verify_any(value, content, [root_of(signer)], NOW)


@pytest.mark.parametrize("key", ["rsa2048", "p256", "p384", "p521"])
@pytest.mark.parametrize(
    "options", WAYS, ids=lambda one: f"{one.format}-{one.packaging}-{one.canonical}-{one.reference}"
)
def test_what_others_accept_is_valid_in_every_form(key: str, options: Options) -> None:
    signer = key_signer(key)
    value = signer.sign(DOCUMENT, options).value
    report = judged(value, signer, DOCUMENT if options.packaging == "detached" else None)
    assert (report.status, report.reasons, report.format) == ("valid", (), "xml")
    (found,) = report.signers
    assert found.level == ("b" if options.format == "xades" else "")
    assert found.coverage is not None
    assert found.coverage.kind == ("content" if options.file else "whole")
    assert found.certificate is not None
    assert found.certificate.thumbprint == signer.description.thumbprint
    assert (found.claimed_time is not None) == (options.format == "xades")


@pytest.mark.parametrize("kind", KEYS)
def test_gost_signatures_on_every_parameter_set_are_valid(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    gost = _gost(tmp_path_factory)
    signer = GostSigner(gost, gost.signer(kind))
    value = signer.sign(DOCUMENT, Options(format="xades", transform="smev")).value
    report = verify_any(value, None, [gost.root(kind).der], NOW)
    assert report.status == "valid", report.reasons
    changed = verify_any(value.replace(b"tea", b"tee"), None, [gost.root(kind).der], NOW)
    assert (changed.status, changed.reasons) == ("invalid", ("document_changed",))


_MADE: list[Gost] = []


def _gost(factory: pytest.TempPathFactory) -> Gost:
    if not _MADE:
        _MADE.append(Gost(factory.mktemp("gost")))
    return _MADE[0]


@pytest.mark.parametrize("prefixes", ["", "ns", "ns #default"])
def test_signatures_by_xmlsec_are_valid(prefixes: str, tmp_path: Path) -> None:
    """One with namespaces that the exclusive form is told to keep, as WS-Security has them."""
    signer = key_signer("rsa2048")
    key = signer.identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = pem_of(signer.description.der)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "certificate.pem").write_text(certificate)
    exclusive = EXCLUSIVE
    kept = f'<ec:InclusiveNamespaces xmlns:ec="{exclusive}" PrefixList="{prefixes}"/>' if prefixes else ""
    template = f"""<ns:a xmlns:ns="urn:a" xmlns="urn:d"><b/>
<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{exclusive}">{kept}</CanonicalizationMethod>
<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI=""><Transforms>
<Transform Algorithm="{DSIG}enveloped-signature"/><Transform Algorithm="{exclusive}">{kept}</Transform></Transforms>
<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference></SignedInfo><SignatureValue/>
<KeyInfo><X509Data/></KeyInfo></Signature> text behind it</ns:a>"""
    (tmp_path / "template.xml").write_text(template)
    subprocess.run(
        ["xmlsec1", "--sign", "--privkey-pem", "key.pem,certificate.pem", "--output", "signed.xml", "template.xml"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    value = (tmp_path / "signed.xml").read_bytes()
    assert xmlsec(tmp_path, value, signer) == ""
    report = judged(value, signer)
    if "#default" in prefixes:  # said to be not known, and never taken for right or wrong
        assert report.status == "indeterminate"
        return
    assert report.status == "valid", report.reasons
    for was, now in ((b"<b", b"<c"), (b"text behind", b"Text behind"), (b"urn:d", b"urn:e")):
        assert judged(value.replace(was, now), signer).status == "invalid", was


def pem_of(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def test_signatures_by_signxml_are_valid() -> None:
    signer = key_signer("p256")
    key = signer.identity.key
    made = signxml.XMLSigner(
        signature_algorithm="ecdsa-sha256", digest_algorithm="sha256", c14n_algorithm=EXCLUSIVE
    ).sign(etree.fromstring(DOCUMENT), key=key, cert=pem_of(signer.description.der))
    assert judged(etree.tostring(made), signer).status == "valid"


@pytest.mark.parametrize("options", [Options(), Options(format="xades"), Options(packaging="enveloping")])
def test_one_character_changed_anywhere_is_never_valid(options: Options) -> None:
    signer = key_signer("p256")
    value = signer.sign(DOCUMENT, options).value
    chance = random.Random(7)
    names = (
        "ds:SignedInfo",
        "ds:DigestValue",
        "ds:SignatureValue",
        "xades:SigningTime",
        "ds:X509Cert",
        "item",
        "price",
    )
    starts = [found.start() for name in names for found in re.finditer(f"<{name}".encode(), value)]
    places = [min(start + chance.randrange(60), len(value) - 1) for start in starts for _ in range(6)]
    for place in (*places, *(chance.randrange(len(value)) for _ in range(80))):
        tampered = bytearray(value)
        tampered[place] = chance.choice([one for one in b"abcXYZ019 " if one != value[place]])
        try:
            report = judged(bytes(tampered), signer)
        except XmlUnsafe:
            continue
        if report.status == "valid":
            # White space in base64 and in tags, Ids that nothing refers to, and certificates beside the signer's.
            assert bytes(tampered).split() == value.split() or _harmless(value, place), (
                place,
                value[place - 30 : place + 20],
            )


def _harmless(value: bytes, place: int) -> bool:
    """In what is not signed and says nothing: certificates of the chain, attributes of values and objects, comments."""
    chain = [found.span() for found in re.finditer(rb"<ds:X509Certificate>[^<]*", value)][1:]
    heads = [found.span() for found in re.finditer(rb"<ds:(?:SignatureValue|Object) [^>]*>|<!--.*?-->", value)]
    spare = [found.span() for found in re.finditer(rb"[A-Za-z0-9+/](?=={1,2}<)", value)]  # bits that base64 leaves over
    return any(start <= place < end for start, end in (*chain, *heads, *spare))


# Wrapping


def part() -> tuple[KeySigner, bytes]:
    """A document of which one element is signed; the signature stands beside it."""
    signer = key_signer("p256")
    return signer, signer.sign(DOCUMENT, Options(reference="o1", place="{urn:shop}order")).value


def reasons(value: bytes, signer: KeySigner) -> tuple[str, ...]:
    return judged(value, signer).reasons


def test_a_signature_of_a_part_is_no_signature_of_the_document() -> None:
    signer, value = part()
    report = judged(value, signer)
    assert (report.status, report.reasons) == ("indeterminate", ("covers_part",))
    (found,) = report.signers
    assert found.coverage is not None
    assert found.coverage.parts == ("/order/item (Id o1)",)
    assert judged(value.replace(b"tea", b"tee"), signer).status == "invalid"
    assert reasons(value.replace(b"<price>10", b"<price>99"), signer) == ("covers_part",)


def test_a_signed_element_that_was_moved_is_told_by_its_new_place(tmp_path: Path) -> None:
    """Others call it valid: what was signed is there, and the forged element stands where it stood."""
    signer, value = part()
    item = re.search(rb"<item .*?</item>", value)
    assert item is not None
    forged = value.replace(item[0], b'<item Id="o2">coffee</item>').replace(
        b"<price>", b"<kept>" + item[0] + b"</kept><price>"
    )
    assert xmlsec(tmp_path, forged, signer, ["urn:shop:item"]) == ""
    report = judged(forged, signer)
    assert report.status == "indeterminate"
    assert report.signers[0].coverage is not None
    assert report.signers[0].coverage.parts == ("/order/kept/item (Id o1)",)


@pytest.mark.parametrize("attribute", ["Id", "ID", "id", "xml:id"])
def test_an_id_that_is_there_twice_is_wrong_however_it_is_written(attribute: str) -> None:
    signer, value = part()
    for forged in (
        value.replace(b"<price>", f'<item {attribute}="o1">coffee</item><price>'.encode()),
        value.replace(b'<item Id="o1">', f'<item {attribute}="o1">coffee</item><item Id="o1">'.encode()),
        value.replace(b"</ds:Signature>", f'<ds:Object {attribute}="o1">coffee</ds:Object></ds:Signature>'.encode()),
    ):
        assert reasons(forged, signer) == ("reference_unclear", "covers_part"), forged


def test_a_reference_to_nothing_is_wrong() -> None:
    signer, value = part()
    assert "reference_unclear" in reasons(value.replace(b'<item Id="o1">', b'<item Id="o3">'), signer)


def test_properties_of_another_signature_are_none_of_this_one() -> None:
    """A claimed time and a named certificate count only where this signature signs them."""
    signer = key_signer("p256")
    value = signer.sign(DOCUMENT, Options(format="xades")).value
    name = re.search(rb'Target="#([^"]+)"', value)
    assert name is not None
    for forged in (
        value.replace(b'Target="#' + name[1], b'Target="#other'),
        value.replace(b"</ds:Signature>", _properties_object(value) + b"</ds:Signature>"),
    ):
        report = judged(forged, signer)
        assert report.status != "valid"
        assert report.signers[0].claimed_time is None


def _properties_object(value: bytes) -> bytes:
    found = re.search(rb"<ds:Object><xades:QualifyingProperties.*?</ds:Object>", value, re.DOTALL)
    assert found is not None
    return found[0]


def test_ways_that_select_by_rules_of_their_own_are_not_followed() -> None:
    signer = key_signer("p256")
    value = signer.sign(DOCUMENT, Options()).value
    for method in ("http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116"):
        with pytest.raises(XmlUnsafe):
            judged(value.replace(f"{DSIG}enveloped-signature".encode(), method.encode()), signer)
    base = judged(value.replace(b"http://www.w3.org/2001/10/xml-exc-c14n#", f"{DSIG}base64".encode()), signer)
    assert base.status != "valid"
    pointer = judged(value.replace(b'URI=""', b'URI="#xpointer(//*)"'), signer)
    assert "transform_unsupported" in pointer.reasons


def test_many_references_of_a_large_document_are_refused_at_once() -> None:
    reference = f'<Reference xmlns="{DSIG}" URI=""/>' * 5000
    document = f'<a><Signature xmlns="{DSIG}"><SignedInfo>{reference}</SignedInfo></Signature>{"x" * 300_000}</a>'
    with pytest.raises(XmlUnsafe):
        verify_any(document.encode(), None, None, NOW)


def test_a_detached_signature_needs_its_file() -> None:
    signer = key_signer("p256")
    value = signer.sign(b"any file", Options(packaging="detached", file="a.bin")).value
    assert reasons(value, signer) == ("content_missing",)
    assert judged(value, signer, b"any file").status == "valid"
    assert judged(value, signer, b"Any file").reasons == ("document_changed",)


@pytest.mark.parametrize("mutation", range(40))
def test_damage_ends_in_a_report_or_a_typed_error(mutation: int) -> None:
    chance = random.Random(mutation)
    value = bytearray(key_signer("p256").sign(DOCUMENT, Options(format="xades")).value)
    for _ in range(4):
        at = chance.randrange(len(value))
        del value[at : at + chance.randrange(120)]
        value[at:at] = chance.choice([b"<ds:Signature>", b"</ds:SignedInfo>", b"<a/>", b"&#0;", b" ", b"<!-- -->"])
    with contextlib.suppress(XmlUnsafe):
        assert judged(bytes(value), key_signer("p256")).status != "valid"


def test_the_command_says_what_is_covered(tmp_path: Path) -> None:
    signer, value = part()
    (tmp_path / "part.xml").write_bytes(value)
    (tmp_path / "whole.xml").write_bytes(signer.sign(DOCUMENT, Options(format="xades")).value)
    (tmp_path / "root.pem").write_bytes(signer.root)

    def pero(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment: dict[str, Any] = {**os.environ, "PERO_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "agent.cli.main", "verify", *arguments, "--trust", "root.pem"]
        environment["LC_ALL"] = "ru_RU.UTF-8"
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    whole = pero("whole.xml")
    assert whole.returncode == 0, whole.stdout
    assert "XAdES B-B" in whole.stdout
    assert "Подписан весь файл, кроме самой подписи." in whole.stdout
    some = pero("part.xml")
    assert some.returncode == 2
    assert "/order/item (Id o1)" in some.stdout
    assert "Подписана только часть документа" in some.stdout
