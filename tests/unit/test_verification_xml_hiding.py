"""What hides in a signed XML document, or costs whoever verifies it too much. Judges: xmlsec1 signs or accepts the same
files, xmllint makes canonical forms."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.xml.options import Options
from tests.harness.keyfiles import certificate_for
from tests.harness.xml_judges import KeySigner, canonical_signed_info, key_signer, xmlsec
from tests.unit.test_verification_xml import DOCUMENT, DSIG, EXCLUSIVE, WAYS, judged, pem_of

FIRST = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SECOND = "http://www.w3.org/2006/12/xml-c14n11"
SECONDS = 20.0  # of the clock on the wall, on a loaded machine
FORGED = b'<order xmlns="urn:shop">coffee</order>'


def template(signed: str, uri: str, transforms: str, form: str, around: str = "") -> str:
    """A document with room for a signature by xmlsec1."""
    return f"""<r{around}>{signed}<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{form}"/>
<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="{uri}"><Transforms>
{transforms}</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference>
</SignedInfo><SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature></r>"""


def by(*methods: str) -> str:
    return "".join(f'<Transform Algorithm="{method}"/>' for method in methods)


def by_xmlsec(folder: Path, document: str, signer: KeySigner, *options: str) -> bytes:
    key = signer.identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_text(pem_of(signer.description.der))
    (folder / "template.xml").write_text(document)
    subprocess.run(
        ["xmlsec1", "--sign", *options, "--privkey-pem", "key.pem,certificate.pem", "--output", "signed.xml",
         "template.xml"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return (folder / "signed.xml").read_bytes()


@pytest.mark.parametrize(
    ("before", "put"),
    [
        (b"</ds:Signature>", FORGED),
        (b"</ds:Signature>", b"<ds:Object>" + FORGED + b"</ds:Object>"),
        (b"</ds:Signature>", b"<ds:Object>coffee</ds:Object>"),
        (b"</ds:KeyInfo>", FORGED),
        (b"</xades:QualifyingProperties>", FORGED),
    ],
    ids=["signature", "object", "text", "key info", "properties"],
)
@pytest.mark.parametrize("packaging", ["enveloped", "enveloping"])
def test_what_a_signature_holds_and_does_not_sign_is_no_part_of_the_whole(
    packaging: str, before: bytes, put: bytes, tmp_path: Path
) -> None:
    """xmlsec1 calls them all valid where the schema lets them in."""
    signer = key_signer("rsa2048")
    value = signer.sign(DOCUMENT, Options(format="xades", packaging=packaging)).value  # type: ignore[arg-type]
    assert judged(value, signer).status == "valid"
    at = value.rindex(before)
    forged = value[:at] + put + value[at:]
    if b"Object>" in put:
        assert xmlsec(tmp_path, forged, signer, [f"{XADES}SignedProperties"]) == ""
    report = judged(forged, signer)
    assert (report.status, report.reasons) == ("indeterminate", ("covers_part",))


XADES = "http://uri.etsi.org/01903/v1.3.2#:"


def test_comments_are_told_where_anybody_may_change_them() -> None:
    signer = key_signer("p256")
    told = set()
    for options in WAYS:
        value = signer.sign(DOCUMENT, options).value
        if b"<!-- c -->" not in value or options.reference:
            continue
        changed = judged(value.replace(b"<!-- c -->", b"<!-- other -->"), signer)
        (found,) = judged(value, signer).signers
        assert found.coverage is not None
        assert found.coverage.comments == (changed.status == "valid"), options
        told.add(found.coverage.comments)
    assert told == {True, False}
    plain = signer.sign(DOCUMENT.replace(b"<!-- c -->", b""), Options()).value
    (found,) = judged(plain, signer).signers
    assert found.coverage is not None
    assert not found.coverage.comments
    (found,) = judged(b"<!-- %PDF-1.7 -->" + plain, signer).signers  # beside the root
    assert found.coverage is not None
    assert found.coverage.comments


def beside(signer: KeySigner, content: bytes, form: str) -> bytes:
    """A signature of a file beside it, read as XML; its octets are what xmllint says."""
    value = signer.sign(content, Options(packaging="detached", file="a.xml")).value
    way = f'<ds:Transforms><ds:Transform Algorithm="{form}"/></ds:Transforms>'.encode()
    return value.replace(b"<ds:DigestMethod", way + b"<ds:DigestMethod", 1)


@pytest.mark.parametrize("form", [EXCLUSIVE, FIRST, SECOND])
@pytest.mark.parametrize("names", ["attributes", "namespaces"])
def test_a_file_beside_a_signature_is_read_as_strictly_as_a_document(form: str, names: str) -> None:
    """Canonical forms, and the parser, take time by the square of what one tag declares."""
    name, count = ('xmlns:a%d="u:%d"', 400_000) if names == "namespaces" else ('a%d="%d"', 100_000)
    content = b"<a " + " ".join(name % (one, one) for one in range(count)).encode() + b"/>"
    signer = key_signer("p256")
    value = beside(signer, b"<a/>", form)
    begun = time.monotonic()
    assert judged(value, signer, content).status != "valid"
    assert time.monotonic() - begun < SECONDS


def test_a_file_beside_a_signature_may_have_its_own_encoding() -> None:
    signer = key_signer("rsa2048")
    text = '<?xml version="1.0" encoding="windows-1251"?>\n<a>чай</a>'
    canonical = subprocess.run(
        ["xmllint", "--exc-c14n", "-"], input=text.encode("cp1251"), capture_output=True, check=True
    ).stdout
    assert canonical == "<a>чай</a>".encode()
    # The digest is of the canonical form; the value is made again for it.
    value = again(beside(signer, canonical, EXCLUSIVE), signer)
    assert judged(value, signer, text.encode("cp1251")).status == "valid"
    assert judged(value, signer, text.replace("чай", "чая").encode("cp1251")).status == "invalid"


def again(value: bytes, signer: KeySigner) -> bytes:
    """With the value of a signature over what ds:SignedInfo is now, as xmllint has its canonical form."""
    made = base64.b64encode(signer.value(signer.algorithm(), canonical_signed_info(value)))
    return re.sub(rb"(<ds:SignatureValue[^>]*>)[^<]*", lambda found: found[1] + made, value, count=1)


@pytest.mark.parametrize("form", [SECOND, f"{SECOND}#WithComments"])
def test_canonical_xml_1_1_is_read(form: str, tmp_path: Path) -> None:
    signer = key_signer("rsa2048")
    whole = template("<a>tea<!-- c --></a>", "", by(f"{DSIG}enveloped-signature", form), form, ' xml:lang="ru"')
    value = by_xmlsec(tmp_path, whole, signer)
    report = judged(value, signer)
    assert (report.status, report.reasons) == ("valid", ())
    assert judged(value.replace(b"tea", b"tee"), signer).status == "invalid"
    # An element inherits xml:lang, but no xml:id.
    inside = ' xml:lang="ru" xml:id="all" xmlns:x="urn:x"'
    part = by_xmlsec(
        tmp_path, template('<a Id="one">tea</a>', "#one", by(form), form, inside), signer, "--id-attr:Id", "a"
    )
    assert judged(part, signer).reasons == ("covers_part",)
    assert "document_changed" in judged(part.replace(b'"ru"', b'"en"'), signer).reasons
    # Addresses would have to be joined: nobody says that it is wrong.
    based = inside + ' xml:base="http://a.invalid/"'
    part = by_xmlsec(
        tmp_path, template('<a Id="one">tea</a>', "#one", by(form), form, based), signer, "--id-attr:Id", "a"
    )
    report = judged(part, signer)
    assert report.status == "indeterminate"


def test_octets_in_an_element_with_tags_are_not_followed(tmp_path: Path) -> None:
    """The transform of base64 leaves the tags out, and nobody would sign them."""
    signer = key_signer("rsa2048")
    document = template('<a Id="one">d<b/>GVh</a>', "#one", by(f"{DSIG}base64"), EXCLUSIVE)
    value = by_xmlsec(tmp_path, document, signer, "--id-attr:Id", "a")
    assert "transform_unsupported" in judged(value, signer).reasons


def test_parameters_of_a_signature_method_are_not_passed_over() -> None:
    """HMACOutputLength and its like: what is not understood changes what a signature means."""
    signer = key_signer("rsa2048")
    value = signer.sign(DOCUMENT, Options()).value
    assert judged(again(value, signer), signer).status == "valid"
    changed = re.sub(
        rb'(<ds:SignatureMethod [^>]*?)(?:/>|></ds:SignatureMethod>)',
        rb"\1><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>", value,
    )  # fmt: skip
    assert changed != value
    report = judged(again(changed, signer), signer)
    assert (report.status, report.reasons) == ("indeterminate", ("algorithm_unsupported",))


def test_another_certificate_of_the_same_key_is_not_the_one_that_was_named() -> None:
    signer = key_signer("p256")
    twin = certificate_for(signer.identity.key.public_key(), "Twin").public_bytes(Encoding.DER)
    value = signer.sign(DOCUMENT, Options(format="xades")).value
    was = re.findall(rb"<ds:X509Certificate>[^<]*</ds:X509Certificate>", value)
    now = b"<ds:X509Certificate>" + base64.b64encode(twin) + b"</ds:X509Certificate>"
    swapped = value.replace(was[0], now)
    assert "signing_certificate_mismatch" in judged(swapped, signer).reasons


@pytest.mark.parametrize("canonical", ["inclusive", "inclusive_with_comments", "exclusive"])
def test_an_element_in_a_default_namespace_from_outside_is_signed_as_others_read_it(
    canonical: str, tmp_path: Path
) -> None:
    """Down to its grandchildren, in signing and in verification."""
    signer = key_signer("rsa2048")
    inside = '<item Id="o1"><a><b x="1"><c xmlns=""><d xmlns="urn:shop"/></c></b></a></item>'
    document = f'<order xmlns="urn:shop" xmlns:n="urn:n" xml:lang="ru">{inside}</order>'.encode()
    options = Options(canonical=canonical, reference="o1", place="{urn:shop}order")  # type: ignore[arg-type]
    value = signer.sign(document, options).value
    assert xmlsec(tmp_path, value, signer, ["urn:shop:item"]) == ""
    assert judged(value, signer).reasons == ("covers_part",)
    form = EXCLUSIVE if canonical == "exclusive" else FIRST
    whole = template("<a>tea</a>", "", by(f"{DSIG}enveloped-signature", form), form)
    assert judged(by_xmlsec(tmp_path, whole, signer), signer).status == "valid"
