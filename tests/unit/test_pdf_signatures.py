"""PAdES at every level with every kind of key. Judges: pdfsig, pyHanko, openssl with the gost engine, qpdf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from agent.errors import TimestampWrong
from agent.pdf.preparation import TIMESTAMP_ROOM, PdfOptions, Visible
from agent.pdf.process import Worker
from agent.timestamp.token import verify_timestamp
from agent.verification.own_pdf import verify_own_pdf
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

KINDS = ("rsa", "ec", "gost256-A", "gost256-TCB", "gost512-A")
LEVELS = ("b", "t", "lt")
MARK = PdfOptions(visible=Visible(300, 40, 260, 80), reason="Согласовано")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.fixture(scope="module", params=KINDS)
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Signer:
    authority = Authority(tmp_path_factory.mktemp("authority"), request.param, "http://nowhere.invalid")
    return Signer(authority, authority.signer(), worker)


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Signer:
    authority = Authority(tmp_path_factory.mktemp("rsa"), "rsa", "http://nowhere.invalid")
    return Signer(authority, authority.signer("bare", ""), worker)


@pytest.mark.parametrize("level", LEVELS)
def test_judges_accept_every_level_of_every_kind_of_key(signer: Signer, tmp_path: Path, level: str) -> None:
    document = pdf.plain()
    file = signer.signed(document, MARK if level == "t" else None, level)
    assert file.startswith(document)
    assert pdf.check_syntax(file, tmp_path) == ""
    (one,) = pdf.embedded(file)
    assert pdf.openssl_verifies(signer.authority, one)
    assert not pdf.openssl_verifies(
        signer.authority, one._replace(covered=one.covered.replace(b"Contract", b"Contrast"))
    )
    assert pdf.certificate_of(one.cms) == signer.holder.description.thumbprint
    assert (one.length == len(file)) == (level != "lt")
    if level != "b":
        (info,) = cms.ContentInfo.load(one.cms)["content"]["signer_infos"]
        (attribute,) = info["unsigned_attrs"]
        token, octets = attribute["values"].contents, info["signature"].native
        assert signer.authority.verify_stamp(token, octets).returncode == 0
        verify_timestamp(token, octets)
    verify_own_pdf(file, document, signer.holder.description, signer.algorithm.digest, level=level)  # type: ignore[arg-type]
    if not signer.authority.kind.startswith("gost"):  # which these judges do not know
        assert "Signature is Valid" in pdf.pdfsig(file, tmp_path)
        status = pdf.pyhanko_status(file, signer.authority.root.der, lasting=level == "lt")
        assert (status.bottom_line, status.intact, status.trusted, status.docmdp_ok) == (True,) * 4
        assert (status.timestamp_validity is not None) == (level != "b")
        assert level == "b" or status.timestamp_validity.trusted


def test_judges_accept_pss(rsa: Signer, tmp_path: Path) -> None:
    signer = rsa._replace(padding="pss")
    file = signer.signed(pdf.plain(), None, "t")
    (one,) = pdf.embedded(file)
    assert pdf.openssl_verifies(signer.authority, one)
    assert "Signature is Valid" in pdf.pdfsig(file, tmp_path)
    assert pdf.pyhanko_status(file, signer.authority.root.der).bottom_line
    verify_own_pdf(file, pdf.plain(), signer.holder.description, signer.algorithm.digest, level="t")


@pytest.mark.parametrize(("curve", "digest"), [(ec.SECP384R1(), "SHA-384"), (ec.SECP521R1(), "SHA-512")])
def test_judges_accept_larger_curves(rsa: Signer, tmp_path: Path, curve: ec.EllipticCurve, digest: str) -> None:
    key = ec.generate_private_key(curve)
    holder = rsa.authority.certificate_for(
        curve.name, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    holder.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file = rsa._replace(holder=holder).signed(pdf.plain())
    said = pdf.pdfsig(file, tmp_path)
    assert f"Signing Hash Algorithm: {digest}" in said
    assert "Signature is Valid" in said
    assert pdf.pyhanko_status(file, rsa.authority.root.der).bottom_line


def test_pdfsig_trusts_the_signer_and_says_who_why_and_what(rsa: Signer, tmp_path: Path) -> None:
    said = pdf.pdfsig(rsa.signed(pdf.plain()), tmp_path, rsa.authority.root)
    for line in (
        "Signer Certificate Common Name: bare",
        "Signing Hash Algorithm: SHA-256",
        "Signature Type: ETSI.CAdES.detached",
        "Total document signed",
        "Signature Validation: Signature is Valid.",
        "Certificate Validation: Certificate is Trusted.",
    ):
        assert line in said
    changed = rsa.signed(pdf.plain()).replace(b"(Contract)", b"(Contrast)")
    assert "Signature Validation: Digest Mismatch." in pdf.pdfsig(changed, tmp_path, rsa.authority.root)


DOCUMENTS = {
    "plain": lambda _: pdf.plain(),
    "no line end": lambda _: pdf.written(pdf.objects(), end=b""),
    "carriage returns": lambda _: pdf.written(pdf.objects(), end=b"\r\n"),
    "version 1.3": lambda _: pdf.written(pdf.objects(), version=b"1.3"),
    "version 2.0": lambda _: pdf.written(pdf.objects(), version=b"2.0"),
    "xref stream": lambda folder: pdf.qpdf(pdf.plain(), folder, "--object-streams=generate"),
    "linearised": lambda folder: pdf.qpdf(pdf.plain(), folder, "--linearize"),
    "linearised stream": lambda folder: pdf.qpdf(pdf.plain(), folder, "--linearize", "--object-streams=generate"),
    "hybrid": lambda _: pdf.hybrid(),
    "form": lambda _: pdf.with_form({6: b"<</FT/Tx/T(name)/V(Ivan)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R>>"}),
    "other document's signature": lambda _: pdf.written(pdf.objects(), b"/Note(/ByteRange [0 1 2 3])"),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_way_of_writing_a_pdf_can_be_signed(rsa: Signer, tmp_path: Path, kind: str) -> None:
    document = DOCUMENTS[kind](tmp_path)
    file = rsa.signed(document, MARK, "lt")
    assert file.startswith(document)
    assert pdf.check_syntax(file, tmp_path) == ""
    said = pdf.pdfsig(file, tmp_path)
    assert said.count("Signature is Valid") == 1
    status = pdf.pyhanko_status(file, rsa.authority.root.der)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_REVISION"
    verify_own_pdf(file, document, rsa.holder.description, rsa.algorithm.digest, level="lt")


def test_earlier_signatures_stay_valid_ours_and_foreign_ones(rsa: Signer, tmp_path: Path) -> None:
    first = pdf.signed_by_pyhanko(pdf.plain(), rsa.authority, rsa.authority.signer("foreign", ""))
    second = rsa.signed(first, None, "lt")
    other = rsa._replace(holder=rsa.authority.signer("other", ""))  # pdfsig trusts no certificate twice in one run
    third = other.signed(second, MARK, "lt")
    said = pdf.pdfsig(third, tmp_path, rsa.authority.root)
    assert said.count("Signature is Valid") == said.count("Certificate is Trusted") == 3
    assert re.findall(r"Field Name: (\S+)", said) == ["Byforeign", "Signature1", "Signature2"]
    for number in range(3):
        status = pdf.pyhanko_status(third, rsa.authority.root.der, number)
        assert (status.bottom_line, status.docmdp_ok) == (True, True)
    assert pdf.check_syntax(third, tmp_path) == ""
    assert third.count(b"/Type /DSS") == 1 + 1  # the second store is the first one, grown


def test_material_that_is_there_already_is_not_put_there_twice(rsa: Signer, tmp_path: Path) -> None:
    document, material = pdf.plain(), rsa.material()
    for _ in range(2):
        prepared = rsa.prepare(document)
        document = prepared.complete(rsa.value(prepared.signed)).with_material(material).value
    shown = pdf.qpdf(document, tmp_path, "--qdf", "--object-streams=disable")
    for value in (*material.certificates, *material.ocsp, *material.crls):
        assert shown.count(b"stream\n" + value) == 1
    assert shown.count(b"/TU (") == 2  # each signature has its own entry


def test_a_time_stamp_larger_than_its_room_is_refused_and_nothing_is_cut(rsa: Signer) -> None:
    prepared = rsa.prepare(pdf.plain(), timestamp=True)
    completed = prepared.complete(rsa.value(prepared.signed))
    huge = b"\x30\x83" + (TIMESTAMP_ROOM * 2).to_bytes(3, "big") + bytes(TIMESTAMP_ROOM * 2)
    with pytest.raises(TimestampWrong) as caught:
        completed.with_timestamp(huge)
    assert caught.value.facts["possible_level"] == "b"
    assert "Signature is Valid" in pdf.pdfsig(completed.value, rsa.authority.folder)


def test_what_is_signed_depends_on_the_whole_file_but_contents(rsa: Signer) -> None:
    prepared = rsa.prepare(pdf.plain(), timestamp=True)
    value = rsa.value(prepared.signed)
    completed = prepared.complete(value)
    stamped = completed.with_timestamp(rsa.token(completed))
    (before,), (after,) = pdf.embedded(completed.value), pdf.embedded(stamped.value)
    assert before.covered == after.covered
    assert completed.stamped == stamped.stamped == value
    assert len(completed.value) == len(stamped.value)
