"""XML signatures with GOST R 34.10-2012, and the transform of СМЭВ.

openssl with the gost engine judges the value over ds:SignedInfo in xmllint's canonical form, and digests. Vectors are
those of «Методические рекомендации» of СМЭВ 3, and messages that were signed by others (tests/unit/vectors/smev.json).
"""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import pytest
from lxml import etree

from agent.algorithms import algorithm_for, digest_named, new_digest
from agent.certificates.signatures import is_signature
from agent.errors import BadParameters, SignatureWrong, XmlUnsafe
from agent.verification.own_xml import verify_own
from agent.xml import smev
from agent.xml.canonical import canonical
from agent.xml.document import read, tree
from agent.xml.options import Options
from tests.harness.gost import KEYS, Gost
from tests.harness.places import ROOT
from tests.harness.xml_judges import DS, XADES, GostSigner, openssl_accepts, text_of, xmllint

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES = "urn://x-artefacts-smev-gov-ru/services/message-exchange/types/1.1"
BASIC = "urn://x-artefacts-smev-gov-ru/services/message-exchange/types/basic/1.1"
ENVELOPE = (
    f'<S:Envelope xmlns:S="{SOAP}"><S:Body><q:SendRequestRequest xmlns:q="{TYPES}">\n'
    f'  <q:SenderProvidedRequestData Id="SIGNED_BY_CONSUMER" xmlns="{BASIC}">\n'
    "    <q:MessageID>db0486d0-3c08-11e5-95e2-d4c9eff07b77</q:MessageID>\n"
    '    <MessagePrimaryContent><r:Request xmlns:r="urn://r" b="2" a="1">Иванов &amp; Ко</r:Request>'
    "</MessagePrimaryContent>\n  </q:SenderProvidedRequestData>\n"
    "  <q:CallerInformationSystemSignature/>\n</q:SendRequestRequest></S:Body></S:Envelope>"
).encode()
DOCUMENT = '<заявление xmlns="urn:doc"><дата>2026-01-01</дата><имя>Пётр</имя></заявление>'.encode()


@functools.cache
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "tests" / "unit" / "vectors" / "smev.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


def transformed(document: bytes) -> str:
    return smev.transform(canonical(tree(read(document)), EXCLUSIVE)).decode()


@pytest.mark.parametrize("format_name", ["xmldsig", "xades"])
@pytest.mark.parametrize("kind", KEYS)
def test_openssl_accepts_the_value_over_every_parameter_set(gost: Gost, kind: str, format_name: str) -> None:
    holder = gost.signer(kind)
    options = Options(format=format_name)  # type: ignore[arg-type]  # a parameter
    value = GostSigner(gost, holder).sign(DOCUMENT, options).value
    assert openssl_accepts(gost, holder, value)
    bits = "256" if "256" in kind else "512"
    digest = gost.openssl("dgst", f"-md_gost12_{bits}", "-binary", data=xmllint("--exc-c14n", data=DOCUMENT)).stdout
    assert text_of(value, "DigestValue") == digest
    root = etree.fromstring(value)
    names = "urn:ietf:params:xml:ns:cpxmlsec:algorithms:"
    method = root.find(f".//{DS}SignatureMethod")
    assert method is not None
    assert method.get("Algorithm") == f"{names}gostr34102012-gostr34112012-{bits}"
    methods = {one.get("Algorithm") for one in root.iter(f"{DS}DigestMethod")}
    assert methods == {f"{names}gostr34112012-{bits}"}
    if format_name == "xades":
        (named,) = root.findall(f".//{XADES}CertDigest/{DS}DigestValue")
        by_openssl = gost.openssl("dgst", f"-md_gost12_{bits}", "-binary", data=holder.der).stdout
        assert base64.b64decode(named.text or "") == by_openssl


@pytest.mark.parametrize(
    "options",
    [
        Options(packaging="enveloping"), Options(packaging="enveloping", content="octets"),
        Options(packaging="detached", file="заявление.xml"), Options(canonical="exclusive_with_comments"),
    ],
    ids=repr,
)  # fmt: skip
def test_openssl_accepts_every_packaging(gost: Gost, options: Options) -> None:
    for kind in ("gost256-A", "gost512-A"):
        holder = gost.signer(kind)
        assert openssl_accepts(gost, holder, GostSigner(gost, holder).sign(DOCUMENT, options).value)


def test_a_value_in_another_order_of_octets_does_not_leave(gost: Gost) -> None:
    signer = GostSigner(gost, gost.signer("gost256-A"))
    value = signer.sign(DOCUMENT, Options()).value
    right = text_of(value, "SignatureValue")
    for wrong in (right[32:] + right[:32], right[::-1], right[:32][::-1] + right[32:][::-1]):
        changed = value.replace(base64.b64encode(right), base64.b64encode(wrong))
        assert not openssl_accepts(gost, signer.holder, changed)
        with pytest.raises(SignatureWrong):
            verify_own(changed, signer.case(DOCUMENT, Options()))


@pytest.mark.parametrize("name", ["habr-2001", "smev-2021"])
def test_messages_of_smev_have_their_values_in_the_order_of_cms(gost: Gost, name: str) -> None:
    """What others signed for СМЭВ, and what СМЭВ signed: s and r, big-endian, as a token gives them."""
    sample = next(one for one in vectors()["signatures"] if one["name"] == name)
    octets = sample["signed_info"].encode()
    assert xmllint("--exc-c14n", data=octets) == octets
    encoded, public, given = gost.folder / "key.der", gost.folder / "key.pem", gost.folder / "value"
    encoded.write_bytes(base64.b64decode(sample["public_key"]))
    gost.openssl("pkey", "-pubin", "-inform", "DER", "-in", encoded, "-out", public)
    right = base64.b64decode(sample["value"])
    for value, good in ((right, True), (right[32:] + right[:32], False), (right[::-1], False)):
        given.write_bytes(value)
        judged = gost.openssl(
            "dgst", f"-{sample['digest']}", "-verify", public, "-signature", given, data=octets, check=False
        )
        assert (judged.returncode == 0) is good
    if name == "smev-2021":
        digest = new_digest("streebog256", octets).digest()
        algorithm = algorithm_for("gost256", digest_named("streebog256"))
        assert is_signature(encoded.read_bytes(), algorithm, digest, right)


@pytest.mark.parametrize("name", [one["name"] for one in vectors()["transform"]])
def test_the_transform_gives_what_the_published_examples_have(gost: Gost, name: str) -> None:
    sample = next(one for one in vectors()["transform"] if one["name"] == name)
    assert transformed(sample["input"].encode()) == sample["output"]
    if "gost94" in sample:  # the digest that stands in the signed message itself
        digest = gost.openssl("dgst", "-md_gost94", "-binary", data=sample["output"].encode()).stdout
        assert base64.b64encode(digest).decode() == sample["gost94"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a>b", "a>b"), (">ab", "&gt;ab"), ("a]>b", "a]&gt;b"), ("a&amp;>b", "a&amp;>b"), (">>", "&gt;>"),
        ("a > b, b > c!", "a > b, b > c!"), (">= twelve characters", "&gt;= twelve characters"),
        ("twelve &amp;>&lt;>>", "twelve &amp;&gt;&lt;&gt;&gt;"), ("x" * 512 + ">>", "x" * 512 + "&gt;&gt;"),
        ("x" * 511 + ">>", "x" * 511 + ">&gt;"), ("a&#13;b", "a&#xd;b"), ("\t \n", ""), (" a ", " a "), ("", ""),
    ],
)  # fmt: skip
def test_characters_are_escaped_as_step_9_says(text: str, written: str) -> None:
    """Tables 5 to 7 of «Методические рекомендации» 3.5.0.27, as public implementations quote them."""
    assert transformed(f"<a>{text}</a>".encode()) == f"<a>{written}</a>"


def test_attributes_are_escaped_as_step_9_says() -> None:
    given = "<a b='\"&lt;>&amp;&#13;&#10;&#9;' c=' \n'/>"
    assert transformed(given.encode()) == '<a b="&quot;&lt;>&amp;&#xd;&#xa;&#x9;" c="  "></a>'


def test_comments_and_instructions_do_not_hold_white_space_together() -> None:
    assert transformed(b"<a> <!-- c -->t<b/> <?p i?> <c/></a>") == "<a> t<b></b><c></c></a>"


def test_characters_that_smev_wants_out_are_refused(gost: Gost) -> None:
    document = '<a Id="x">😀</a>'.encode()
    with pytest.raises(XmlUnsafe) as raised:
        GostSigner(gost, gost.signer("gost256-A")).sign(document, Options(transform="smev"))
    assert raised.value.facts == {"reason": "astral"}


def test_a_request_to_smev_is_signed_as_smev_wants_it(gost: Gost) -> None:
    signer = GostSigner(gost, gost.signer("gost256-A"))
    options = Options(
        reference="SIGNED_BY_CONSUMER", place=f"{{{TYPES}}}CallerInformationSystemSignature", transform="smev"
    )
    value = signer.sign(ENVELOPE, options).value
    assert openssl_accepts(gost, signer.holder, value)
    root = etree.fromstring(value)
    (signature,) = root.iter(f"{DS}Signature")
    parent = signature.getparent()
    assert parent is not None
    assert etree.QName(parent).localname == "CallerInformationSystemSignature"
    (reference,) = signature.iter(f"{DS}Reference")
    assert reference.get("URI") == "#SIGNED_BY_CONSUMER"
    transforms = [one.get("Algorithm") for one in reference.iter(f"{DS}Transform")]
    assert transforms == [EXCLUSIVE, "urn://smev-gov-ru/xmldsig/transform"]
    by_hand = (
        f'<ns1:SenderProvidedRequestData xmlns:ns1="{TYPES}" Id="SIGNED_BY_CONSUMER">'
        "<ns1:MessageID>db0486d0-3c08-11e5-95e2-d4c9eff07b77</ns1:MessageID>"
        f'<ns2:MessagePrimaryContent xmlns:ns2="{BASIC}"><ns3:Request xmlns:ns3="urn://r" a="1" b="2">'
        "Иванов &amp; Ко</ns3:Request></ns2:MessagePrimaryContent></ns1:SenderProvidedRequestData>"
    )
    digest = gost.openssl("dgst", "-md_gost12_256", "-binary", data=by_hand.encode()).stdout
    assert text_of(value, "DigestValue") == digest


def test_a_signature_for_smev_can_be_made_to_be_put_in_by_somebody_else(gost: Gost) -> None:
    signer = GostSigner(gost, gost.signer("gost512-C"))
    options = Options(packaging="detached", reference="SIGNED_BY_CONSUMER", transform="smev")
    value = signer.sign(ENVELOPE, options).value
    assert value.startswith(b"<ds:Signature ")
    assert openssl_accepts(gost, signer.holder, value)


@pytest.mark.parametrize("packaging", ["enveloped", "enveloping"])
def test_the_transform_goes_with_whole_documents_too(gost: Gost, packaging: str) -> None:
    signer = GostSigner(gost, gost.signer("gost256-A"))
    signer.sign(DOCUMENT, Options(packaging=packaging, transform="smev"))  # type: ignore[arg-type]  # a parameter
    with pytest.raises(BadParameters):
        signer.sign(DOCUMENT, Options(transform="smev", canonical="exclusive_with_comments"))
