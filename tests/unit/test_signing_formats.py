"""Every kind of signature that a page may ask for, made by the procedure and judged by others (R4, R6, R9)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from cryptography import x509

from agent.algorithms import digest_named, new_digest
from agent.consent.prompter import SigningPrompt
from agent.errors import Refused, RevocationUnavailable, TimestampUnavailable
from agent.signing.making import FORMATS
from agent.timestamp.request import request, token_of
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.core import NOON, Core

TEXT = "Договор № 1\n".encode()
XML = b'<?xml version="1.0"?>\n<order Id="o1"><item>tea</item></order>\n'
DOCUMENTS = {"cms": TEXT, "cades": TEXT, "pades": pdf.plain(), "xmldsig": XML, "xades": XML}


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer", key="ec")
    return core


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ec", "http://authority.example")


@pytest.fixture
def stamping(core: Core, authority: Authority) -> Core:
    """A core whose time-stamp authority answers."""

    def stamp(octets: bytes, digest: str) -> bytes:
        imprint = new_digest(digest, octets).digest()
        return token_of(authority.stamp(request(digest_named(digest), imprint, 7)))

    core.authorities.unreachable = None
    core.authorities.stamps = stamp
    return core


def asked(content: bytes = TEXT, **options: Any) -> dict[str, Any]:
    """Parameters of `sign`; octets among the options become base64."""
    texts = {name: base64.b64encode(value).decode() for name, value in options.items() if isinstance(value, bytes)}
    document = {"name": "договор.txt", "content": base64.b64encode(content).decode()}
    return {"document": document, "options": options | texts}


async def signed(core: Core, content: bytes = TEXT, **options: Any) -> tuple[bytes, dict[str, Any]]:
    """The octets that left, and the rest of the reply."""
    core.person.answers = [None, Refused()]
    answer = await core.call(core.page(), "sign", asked(content, **options))
    core.person.answers.clear()
    assert "result" in answer, answer
    result = answer["result"]
    text = result["encoding"] != "der"
    return result["signature"].encode() if text else base64.b64decode(result["signature"]), result


async def refused(core: Core, parameters: dict[str, Any]) -> dict[str, Any]:
    """The error's data. Who is asked for it nevertheless tries once and gives up."""
    core.person.answers = core.person.answers or [None, Refused()]
    answer = await core.call(core.page(), "sign", parameters)
    assert "error" in answer, answer
    data: dict[str, Any] = answer["error"]["data"]
    return data


def openssl_accepts(folder: Path, signature: bytes, core: Core, content: bytes | None, *more: str) -> bytes:
    (folder / "given").write_bytes(signature)
    roots = b"".join(
        subprocess.run(["openssl", "x509", "-inform", "DER"], input=entry.der, capture_output=True, check=True).stdout
        for entry in core.tokens.entries
    )
    (folder / "roots.pem").write_bytes(roots)
    way = "PEM" if signature.startswith(b"-----") else "DER"
    command = ["openssl", "cms", "-verify", "-binary", "-inform", way, "-in", str(folder / "given"), *more]
    command += ["-CAfile", str(folder / "roots.pem"), "-purpose", "any", "-attime", str(int(NOON.timestamp()))]
    if content is not None:
        (folder / "content").write_bytes(content)
        command += ["-content", str(folder / "content")]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def attributes(signature: bytes, number: int = 0) -> list[str]:
    signers = cms.ContentInfo.load(signature)["content"]["signer_infos"]
    return sorted(one["type"].dotted for one in signers[number]["signed_attrs"])


# CMS


async def test_a_plain_cms_has_the_three_attributes_and_no_other(core: Core, tmp_path: Path) -> None:
    signature, reply = await signed(core, format="cms")
    assert openssl_accepts(tmp_path, signature, core, TEXT) == TEXT
    assert attributes(signature) == ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"]
    assert (reply["format"], reply["level"], reply["detached"]) == ("cms", "b", True)


async def test_name_and_reason_are_signed_attributes_of_cades(core: Core, tmp_path: Path) -> None:
    signature, _ = await signed(core, reason="Утверждаю")
    assert "1.2.840.113549.1.9.16.2.16" in attributes(signature)
    assert "Утверждаю".encode() in signature
    answer = await core.call(core.page(), "sign", asked(name=True))
    signature = base64.b64decode(answer["result"]["signature"])
    assert "договор.txt".encode() in signature
    openssl_accepts(tmp_path, signature, core, TEXT, "-cades")


@pytest.mark.parametrize("encoding", ["pem", "base64", "base64_lines"])
async def test_a_signature_comes_in_the_form_that_was_asked_for(core: Core, tmp_path: Path, encoding: str) -> None:
    text, reply = await signed(core, encoding=encoding)
    assert reply["encoding"] == encoding
    lines = text.decode("ascii").splitlines()
    assert (len(lines) == 1) is (encoding == "base64")
    assert encoding == "base64" or max(map(len, lines)) == 64
    given = text if encoding == "pem" else base64.b64decode(text)
    openssl_accepts(tmp_path, given, core, TEXT, "-cades")


async def test_pss_is_made_with_rsa_keys_and_offered_for_no_other(core: Core, tmp_path: Path) -> None:
    rsa = core.tokens.add("DEMO RSA", key="rsa")
    signature, reply = await signed(core, padding="pss")
    assert reply["certificate"]["thumbprint"] == rsa
    assert b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" in signature  # id-RSASSA-PSS
    openssl_accepts(tmp_path, signature, core, TEXT, "-cades")
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    assert [(one.owner, one.problems) for one in prompt.certificates] == [
        ("DEMO RSA", ()),
        ("DEMO Signer", ("other_digest",)),
    ]


async def test_a_second_signer_is_added_and_both_verify(core: Core, tmp_path: Path) -> None:
    first, _ = await signed(core)
    second = core.tokens.add("DEMO Second", key="rsa")
    parameters = asked(existing=first, mode="co_sign") | {"certificate": second}
    answer = await core.call(core.page(), "sign", parameters)
    both = base64.b64decode(answer["result"]["signature"])
    openssl_accepts(tmp_path, both, core, TEXT, "-cades")
    assert len(cms.ContentInfo.load(both)["content"]["signer_infos"]) == 2
    assert answer["result"]["detached"] is True


async def test_a_signature_is_counter_signed_where_the_document_is_its_own(core: Core, tmp_path: Path) -> None:
    first, _ = await signed(core)
    counter = core.tokens.add("DEMO Notary", key="rsa")
    parameters = asked(existing=first, mode="counter_sign") | {"certificate": counter}
    answer = await core.call(core.page(), "sign", parameters)
    assert "result" in answer, answer
    made = base64.b64decode(answer["result"]["signature"])
    openssl_accepts(tmp_path, made, core, TEXT, "-cades")
    (signer,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
    (attribute,) = [one for one in signer["unsigned_attrs"] if one["type"].dotted == "1.2.840.113549.1.9.6"]
    digest = {one["type"].dotted: one["values"] for one in attribute["values"][0]["signed_attrs"]}
    assert digest["1.2.840.113549.1.9.4"][0].native == hashlib.sha256(signer["signature"].native).digest()


@pytest.mark.parametrize("mode", ["co_sign", "counter_sign"])
async def test_a_person_is_never_shown_another_document_than_the_one_that_was_signed(core: Core, mode: str) -> None:
    answer = await core.call(core.page(), "sign", asked() | {"attached": True})
    attached = base64.b64decode(answer["result"]["signature"])
    core.person.shown.clear()
    data = await refused(core, asked(b"something harmless", existing=attached, mode=mode))
    assert data["name"] == "content_differs"
    assert core.person.shown == []


@pytest.mark.parametrize("existing", [b"", b"hello", b"\x30\x80", bytes(1000)])
async def test_a_damaged_signature_is_not_added_to_and_nobody_is_asked(core: Core, existing: bytes) -> None:
    data = await refused(core, asked(existing=existing, mode="co_sign"))
    assert data["name"] == "signature_damaged"
    assert core.person.shown == []


async def test_a_signer_that_is_not_there_cannot_be_counter_signed(core: Core) -> None:
    first, _ = await signed(core)
    core.person.shown.clear()
    data = await refused(core, asked(existing=first, mode="counter_sign", signer=3))
    assert (data["name"], data["facts"]["count"]) == ("signer_unknown", 1)
    assert core.person.shown == []


# PDF and XML


async def test_pdfsig_accepts_a_signed_pdf(core: Core, tmp_path: Path) -> None:
    visible = {"x": 50, "y": 50, "width": 200, "height": 80}
    parameters = {"visible": visible, "location": "Москва", "contact": "demo@example"}
    value, reply = await signed(core, DOCUMENTS["pades"], format="pades", reason="Согласовано", pdf=parameters)
    assert (reply["media_type"], reply["detached"]) == ("application/pdf", False)
    assert "Signature is Valid" in pdf.pdfsig(value, tmp_path)
    assert pdf.check_syntax(value, tmp_path) == ""
    assert value.startswith(DOCUMENTS["pades"])


@pytest.mark.parametrize("form", ["xmldsig", "xades"])
@pytest.mark.parametrize("packaging", ["enveloped", "enveloping", "detached"])
async def test_xmlsec_accepts_a_signed_xml(core: Core, tmp_path: Path, form: str, packaging: str) -> None:
    value, reply = await signed(core, XML, format=form, packaging=packaging)
    assert (reply["media_type"], reply["detached"]) == ("application/xml", packaging == "detached")
    (tmp_path / "договор.txt").write_bytes(XML)  # what a detached signature is of
    (tmp_path / "signed.xml").write_bytes(value)
    names = ("http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "http://www.w3.org/2000/09/xmldsig#:Object")
    ids = [part for name in names for part in ("--id-attr:Id", name)]
    done = subprocess.run(
        ["xmlsec1", "--verify", "--insecure", *ids, "signed.xml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("form", "content", "error"),
    [
        ("pades", b"%PDF-1.7\nbroken", "document_damaged"),
        ("pades", b"", "document_damaged"),
        ("pades", TEXT, "document_damaged"),
        ("xades", b"<a>", "document_damaged"),
        ("xmldsig", b"", "document_damaged"),
        ("xades", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml_unsafe"),
    ],
)
async def test_a_document_that_cannot_be_signed_so_is_told_before_anybody_is_asked(
    core: Core, form: str, content: bytes, error: str
) -> None:
    data = await refused(core, asked(content, format=form))
    assert (data["name"], core.person.shown, core.tokens.signed) == (error, [], 0)
    assert data["text"] != f"error.{error}.text"


# Levels


@pytest.mark.parametrize("form", ["cades", "pades", "xades"])
async def test_a_time_stamp_is_over_the_signature_and_verifies(
    stamping: Core, authority: Authority, tmp_path: Path, form: str
) -> None:
    stamped: list[tuple[bytes, bytes]] = []
    stamp = stamping.authorities.stamps
    assert callable(stamp)

    def remember(octets: bytes, digest: str) -> bytes:
        stamped.append((octets, stamp(octets, digest)))
        return stamped[-1][1]

    stamping.authorities.stamps = remember
    value, reply = await signed(stamping, DOCUMENTS[form], format=form, level="t")
    assert reply["level"] == "t"
    ((octets, token),) = stamped
    written = {"cades": token, "pades": token.hex().encode(), "xades": base64.b64encode(token)}[form]
    assert written in (value.replace(b"\n", b"") if form == "xades" else value)
    assert authority.verify_stamp(token, octets).returncode == 0
    if form == "cades":
        (signer,) = cms.ContentInfo.load(value)["content"]["signer_infos"]
        assert octets == signer["signature"].native
        openssl_accepts(tmp_path, value, stamping, TEXT, "-cades")
    if form == "pades":
        assert "Signature is Valid" in pdf.pdfsig(value, tmp_path)


@pytest.mark.parametrize("form", ["cades", "pades", "xades"])
async def test_a_level_without_an_authority_is_refused_before_anybody_is_asked(core: Core, form: str) -> None:
    data = await refused(core, asked(DOCUMENTS[form], format=form, level="t"))
    assert (data["name"], data["facts"]["possible_level"]) == ("timestamp_unconfigured", "b")
    assert (core.person.shown, core.tokens.signed) == ([], 0)


async def test_an_authority_that_cannot_be_reached_costs_no_pin(stamping: Core) -> None:
    stamping.authorities.unreachable = TimestampUnavailable(tried="tsa=refused", possible_level="b")
    data = await refused(stamping, asked(level="t"))
    assert (data["name"], data["facts"]["possible_level"]) == ("timestamp_unavailable", "b")
    assert (stamping.person.shown, stamping.tokens.signed) == ([], 0)
    assert "result" in await stamping.call(stamping.page(), "sign", asked(level="b"))


ADDRESSED = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://authority.example/list")], None, None, None)]
)
LOST = TimestampUnavailable(tried="tsa=timed_out", possible_level="b")


async def test_an_authority_that_fails_after_the_pin_is_shown_and_gives_no_lower_level_in_silence(
    stamping: Core,
) -> None:
    stamping.authorities.stamps = LOST
    data = await refused(stamping, asked(level="t"))
    assert (data["name"], data["facts"]["possible_level"]) == ("timestamp_unavailable", "b")
    assert [one.name for one in stamping.person.failures] == ["timestamp_unavailable"]
    outcomes = [entry.facts for entry in stamping.journal.entries(10) if entry.kind == "outcome"]
    assert [one["outcome"] for one in outcomes] == ["timestamp_unavailable"]


async def test_a_request_that_takes_less_gets_less_and_is_told(stamping: Core, tmp_path: Path) -> None:
    stamping.authorities.stamps = LOST
    signature, reply = await signed(stamping, level="t", fallback=True)
    assert reply["level"] == "b"
    openssl_accepts(tmp_path, signature, stamping, TEXT, "-cades")
    outcome = next(entry.facts for entry in stamping.journal.entries(10) if entry.kind == "outcome")
    assert (outcome["outcome"], outcome["level"]) == ("signed", "b")


async def test_a_time_stamp_of_other_octets_never_leaves(stamping: Core) -> None:
    stamp = stamping.authorities.stamps
    assert callable(stamp)
    stamping.authorities.stamps = lambda octets, digest: stamp(b"other" + octets, digest)
    data = await refused(stamping, asked(level="t"))
    assert data["name"] == "signature_wrong"


async def test_a_certificate_that_names_no_revocation_service_costs_no_pin_for_lt(stamping: Core) -> None:
    data = await refused(stamping, asked(level="lt"))
    assert (data["name"], data["facts"]["possible_level"]) == ("revocation_unaddressed", "t")
    assert stamping.tokens.signed == 0


@pytest.mark.parametrize("fallback", [False, True])
async def test_material_that_cannot_be_had_leaves_level_t(stamping: Core, fallback: bool) -> None:
    stamping.tokens.entries.clear()
    stamping.tokens.add("DEMO Addressed", key="ec", extensions=(ADDRESSED,))
    stamping.authorities.materials = RevocationUnavailable(thumbprint="", tried="ocsp:a=refused", possible_level="t")
    stamping.person.answers = [None, Refused()]
    answer = await stamping.call(stamping.page(), "sign", asked(level="lt", fallback=fallback))
    if fallback:
        assert answer["result"]["level"] == "t"
    else:
        assert answer["error"]["data"]["facts"]["possible_level"] == "t"


# What is no request


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"format": "cms", "level": "t"}, {}),
        ({"format": "xmldsig", "level": "lt"}, {}),
        ({"format": "pdf"}, {}),
        ({"level": "lta"}, {}),
        ({"fallback": True}, {}),
        ({"packaging": "enveloped"}, {}),
        ({"format": "pades", "encoding": "pem"}, {}),
        ({"format": "pades"}, {"attached": True}),
        ({"format": "xades"}, {"attached": True}),
        ({"format": "cms", "reason": "x"}, {}),
        ({"format": "cms", "name": True}, {}),
        ({"reason": ""}, {}),
        ({"reason": "x" * 1025}, {}),
        ({"mode": "co_sign"}, {}),
        ({"existing": "MAA="}, {}),
        ({"existing": "no base64", "mode": "co_sign"}, {}),
        ({"existing": "MAA=", "mode": "co_sign"}, {"attached": True}),
        ({"existing": "MAA=", "mode": "co_sign", "signer": 0}, {}),
        ({"existing": "MAA=", "mode": "counter_sign", "signer": -1}, {}),
        ({"pdf": {}}, {}),
        ({"xml": {}}, {}),
        ({"format": "pades", "pdf": {"visible": {"x": 0, "y": 0, "width": 0, "height": 9}}}, {}),
        ({"format": "pades", "pdf": {"visible": {"x": 0, "y": 0, "width": 1e9, "height": 9}}}, {}),
        ({"format": "pades", "pdf": {"field": ""}}, {}),
        ({"format": "xades", "xml": {"transform": "xslt"}}, {}),
        ({"padding": "raw"}, {}),
        ({"pin": "1234"}, {}),
    ],
)
async def test_combinations_that_there_are_not_are_refused(
    core: Core, options: dict[str, Any], more: dict[str, Any]
) -> None:
    data = await refused(core, asked() | {"options": options} | more)
    assert data["name"] == "bad_parameters"
    assert core.person.shown == []


@pytest.mark.parametrize("form", ["pades", "xmldsig", "xades"])
async def test_the_digest_of_a_pdf_or_xml_is_not_enough(core: Core, form: str) -> None:
    value = base64.b64encode(hashlib.sha256(XML).digest()).decode()
    parameters = {"digest": {"name": "a", "algorithm": "sha256", "value": value}, "options": {"format": form}}
    assert (await refused(core, parameters))["name"] == "bad_parameters"


async def test_every_format_is_made_by_a_row_of_the_table(core: Core) -> None:
    assert {row.name for row in FORMATS} == set(DOCUMENTS)
    for name, content in DOCUMENTS.items():
        core.tokens.spoil = lambda signature: signature
        await signed(core, content, format=name)
        core.tokens.spoil = lambda signature: signature[:-1] + bytes([signature[-1] ^ 1])
        core.person.answers = [None, Refused()]
        answer = await core.call(core.page(), "sign", asked(content, format=name))
        assert answer["error"]["message"] == "signature_wrong", name
