"""Every entry and attribute that PAdES baseline signatures must have, may have and must not have: ETSI EN 319 142-1
V1.1.1 clause 6.3 table 1, with the letters of its additional requirements; ISO 32000-1 table 252. Read back by pyHanko
and asn1crypto."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from asn1crypto import cms, core
from pyhanko.pdf_utils.reader import PdfFileReader

from agent.pdf.preparation import PdfOptions
from agent.pdf.process import Worker
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

EVERYTHING = PdfOptions(reason="Согласовано", location="Москва", contact="+7 495 000-00-00")
MUST, MAY, MUST_NOT = "must", "may", "must not"

DICTIONARY = (  # key, rule, where the rule stands
    ("/Type", MAY, "ISO 32000-1 table 252"),
    ("/Filter", MUST, "6.3 table 1"),
    ("/SubFilter", MUST, "6.3 table 1, l"),
    ("/Contents", MUST, "6.3 table 1; 4.1"),
    ("/ByteRange", MUST, "6.3 table 1"),
    ("/M", MUST, "6.3 table 1: the claimed time of signing"),
    ("/Reason", MAY, "6.3 table 1, d and m: not beside commitment-type-indication"),
    ("/Location", MAY, "6.3 table 1"),
    ("/ContactInfo", MAY, "ISO 32000-1 table 252"),
    ("/Cert", MUST_NOT, "6.3 table 1"),
)
SIGNED_ATTRIBUTES = (
    ("1.2.840.113549.1.9.3", MUST, "6.3 table 1, c: content-type, with the value id-data"),
    ("1.2.840.113549.1.9.4", MUST, "6.3 table 1: message-digest"),
    ("1.2.840.113549.1.9.16.2.47", MUST, "6.3 table 1: signing-certificate-v2, for every digest but SHA-1"),
    ("1.2.840.113549.1.9.16.2.12", MUST_NOT, "6.3 table 1: signing-certificate, for SHA-1 only"),
    ("1.2.840.113549.1.9.5", MUST_NOT, "6.3 table 1: signing-time"),
    ("1.2.840.113549.1.9.16.2.16", MUST_NOT, "6.3 table 1, d: commitment-type-indication, beside Reason"),
)
UNSIGNED_ATTRIBUTES = {
    "b": (),
    "t": (("1.2.840.113549.1.9.16.2.14", MUST, "6.3 table 1: signature-time-stamp"),),
    "lt": (("1.2.840.113549.1.9.16.2.14", MUST, "6.3 table 1: signature-time-stamp"),),
}


@pytest.fixture(scope="module", params=["rsa", "gost512-A"])
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    authority = Authority(tmp_path_factory.mktemp("authority"), request.param, "http://nowhere.invalid")
    with Worker() as worker:
        yield Signer(authority, authority.signer(), worker)


def conforms(found: set[str], table: tuple[tuple[str, str, str], ...]) -> bool:
    """All that must be is, nothing that must not be, and nothing that the table does not know."""
    return (
        {key for key, rule, _ in table if rule == MUST} <= found <= {key for key, rule, _ in table if rule != MUST_NOT}
    )


def dictionary_of(file: bytes) -> Any:
    return PdfFileReader(io.BytesIO(file)).embedded_signatures[-1].sig_object


@pytest.mark.parametrize("options", [PdfOptions(), EVERYTHING], ids=["nothing", "everything"])
@pytest.mark.parametrize("level", ["b", "t", "lt"])
def test_the_signature_dictionary_has_what_the_baseline_wants(signer: Signer, level: str, options: PdfOptions) -> None:
    file = signer.signed(pdf.plain(), options, level)
    found = dictionary_of(file)
    assert conforms(set(found), DICTIONARY)
    assert (found["/Type"], found["/Filter"], found["/SubFilter"]) == ("/Sig", "/Adobe.PPKLite", "/ETSI.CAdES.detached")
    assert [found.get(key) for key in ("/Reason", "/Location", "/ContactInfo")] == [
        options.reason, options.location, options.contact,
    ]  # fmt: skip
    (one,) = pdf.embedded(file)
    start, end = found["/ByteRange"][1], found["/ByteRange"][2]
    assert file[start : start + 1] + file[end - 1 : end] == b"<>"
    assert [found["/ByteRange"][0], end + found["/ByteRange"][3]] == [0, one.length]
    assert bytes(found["/Contents"])[len(one.cms) :].strip(b"\0") == b""


@pytest.mark.parametrize("level", ["b", "t", "lt"])
def test_the_cms_has_what_the_baseline_wants(signer: Signer, level: str) -> None:
    (one,) = pdf.embedded(signer.signed(pdf.plain(), EVERYTHING, level))
    info = cms.ContentInfo.load(one.cms, strict=True)
    data = info["content"]
    assert data["encap_content_info"]["content_type"].native == "data"
    assert isinstance(data["encap_content_info"]["content"], core.Void)  # clause 4.1: no data is encapsulated
    assert isinstance(data["crls"], core.Void)  # material is in the store
    (signed,) = data["signer_infos"]  # clause 4.1: one signer
    attributes = {attribute["type"].dotted: attribute["values"] for attribute in signed["signed_attrs"]}
    assert len(attributes) == len(signed["signed_attrs"])
    assert conforms(set(attributes), SIGNED_ATTRIBUTES)
    unsigned = {attribute["type"].dotted for attribute in signed["unsigned_attrs"]} if level != "b" else set()
    assert conforms(unsigned, UNSIGNED_ATTRIBUTES[level])
    assert {choice.chosen.dump() for choice in data["certificates"]} == {signer.holder.der, *signer.chain}


@pytest.mark.parametrize("level", ["b", "t", "lt"])
def test_the_store_is_there_at_level_lt_only_and_names_the_signature(signer: Signer, level: str) -> None:
    """Clause 5.4.2: DSS with Certs, OCSPs, CRLs; VRI by the SHA-1 of Contents, upper-case hexadecimal."""
    file = signer.signed(pdf.plain(), None, level)
    root = PdfFileReader(io.BytesIO(file)).root
    assert ("/DSS" in root) == (level == "lt")
    if level != "lt":
        return
    material, store = signer.material(), root["/DSS"]
    assert {one.get_object().data for one in store["/Certs"]} == set(material.certificates)
    assert (len(store["/OCSPs"]), len(store["/CRLs"])) == (len(material.ocsp), len(material.crls))
    (key,) = store["/VRI"]
    assert key == "/" + hashlib.sha1(bytes(dictionary_of(file)["/Contents"])).hexdigest().upper()
    entry = store["/VRI"][key]
    for mine, all_of_them in (("/Cert", "/Certs"), ("/OCSP", "/OCSPs"), ("/CRL", "/CRLs")):
        assert {one.reference for one in entry[mine]} == {one.reference for one in store[all_of_them]}


def test_the_use_of_pades_is_declared_for_versions_before_2(signer: Signer) -> None:
    """Clause 5.6: ESIC in Extensions."""
    root = PdfFileReader(io.BytesIO(signer.signed(pdf.plain()))).root
    assert (root["/Extensions"]["/ESIC"]["/BaseVersion"], root["/Extensions"]["/ESIC"]["/ExtensionLevel"]) == (
        "/1.7",
        1,
    )
    old = PdfFileReader(io.BytesIO(signer.signed(pdf.written(pdf.objects(), version=b"1.4"))))
    assert old.root["/Version"] == "/1.7"
    new = PdfFileReader(io.BytesIO(signer.signed(pdf.written(pdf.objects(), version=b"2.0"))))
    assert "/Extensions" not in new.root
