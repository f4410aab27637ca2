"""The signatures inside PDF documents as `pero verify` judges them. Judges of the same files: pdfsig, openssl with the
gost engine; signatures of others by pyHanko; attacks as the papers on incremental saving and shadow documents have
them."""

from __future__ import annotations

import datetime
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from agent.errors import DocumentEncrypted, DocumentTooComplex
from agent.pdf import signatures
from agent.pdf.messages import Read, Signatures
from agent.pdf.process import Worker
from agent.texts.catalogue import text
from agent.verification.pdf_signatures import verify_pdf
from agent.verification.report import Report
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

NOW = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)  # later than the certificates are made
FORM = {6: b"<</Type/Annot/Subtype/Widget/Rect[0 0 0 0]/FT/Tx/T(Amount)/V(100)>>"}


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.fixture(scope="module", params=["rsa", "ec", "gost256-A", "gost512-A"])
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Signer:
    authority = Authority(tmp_path_factory.mktemp("authority"), request.param, "http://nowhere.invalid")
    return Signer(authority, authority.signer(), worker)


@pytest.fixture(scope="module")
def ec(tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Signer:
    authority = Authority(tmp_path_factory.mktemp("ec"), "ec", "http://nowhere.invalid")
    return Signer(authority, authority.signer("first", ""), worker)


@pytest.fixture(scope="module")
def signed(ec: Signer) -> bytes:
    return ec.signed(pdf.plain())


def other(ec: Signer) -> Signer:
    return ec._replace(holder=ec.authority.signer("second", ""))


def judged(file: bytes, by: Signer) -> Report:
    """In this process: the worker is the same code behind a pipe."""
    return verify_pdf(file, [by.authority.root.der], NOW, signatures.read)


@pytest.mark.parametrize("level", ["b", "t", "lt"])
def test_every_level_of_every_kind_of_key_is_valid_and_says_so(signer: Signer, level: str) -> None:
    file = signer.signed(pdf.plain(), level=level)
    (one,) = pdf.embedded(file)
    assert pdf.openssl_verifies(signer.authority, one)
    report = judged(file, signer)
    assert (report.status, report.reasons, report.format) == ("valid", (), "pdf")
    (found,) = report.signers
    assert found.level == level
    assert found.coverage is not None
    assert (found.coverage.kind, found.coverage.after) == (
        ("revision", "material") if level == "lt" else ("whole", "nothing")
    )
    assert (found.proven_time is not None) == (level != "b")
    assert (report.revocation == "carried") == (level == "lt")
    assert found.certificate is not None
    assert found.certificate.thumbprint == signer.holder.description.thumbprint


def test_signatures_of_others_and_after_others_are_judged_too(ec: Signer, tmp_path: Path) -> None:
    file = pdf.signed_by_pyhanko(pdf.plain(), ec.authority, ec.holder)
    assert "Signature is Valid" in pdf.pdfsig(file, tmp_path)
    assert judged(file, ec).status == "valid"
    both = other(ec).signed(file, level="lt")
    report = judged(both, ec)
    assert report.status == "valid"
    kinds = [(one.coverage.kind, one.coverage.after) for one in report.signers if one.coverage]
    assert kinds == [("revision", "signatures"), ("revision", "material")]
    certified = pdf.signed_by_pyhanko(pdf.plain(), ec.authority, ec.holder, permission=2)
    assert judged(certified, ec).status == "valid"


def test_without_anchors_nobody_is_trusted_and_nothing_is_called_valid(signed: bytes) -> None:
    report = verify_pdf(signed, None, NOW, signatures.read)
    assert (report.status, report.reasons) == ("indeterminate", ("no_anchors",))


def test_one_octet_changed_anywhere_is_never_valid(ec: Signer, signed: bytes, tmp_path: Path) -> None:
    """But in the zeros behind the signature's value, which fill the room. pdfsig agrees where it is sampled."""
    (one,) = pdf.embedded(signed)
    start, end = signed.index(b"/Contents <") + len(b"/Contents <"), signed.index(b">", signed.index(b"/Contents <"))
    filled = start + 2 * len(one.cms)
    chance = random.Random(5)
    places = [chance.randrange(len(signed)) for _ in range(60)]
    places += [chance.randrange(start, filled) for _ in range(25)] + [start - 1, end, len(signed) - 2, 3]
    for number, place in enumerate(place for place in places if not filled <= place < end):
        tampered = bytearray(signed)
        tampered[place] ^= 0x01
        report = judged(bytes(tampered), ec)
        assert report.status != "valid", (place, bytes(signed[place - 10 : place + 10]))
        if not start <= place < filled:
            known = ("not_signed",), ("algorithm_unsupported",)  # the name of its kind is another one
            assert report.status == "invalid" or report.reasons in known, (place, report.reasons)
        if number % 20 == 0 and not start <= place < filled:
            assert "Signature is Valid" not in pdf.pdfsig(bytes(tampered), tmp_path)


def _page(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    page = writer.root["/Pages"]["/Kids"][0]
    assert isinstance(page, generic.DictionaryObject)
    return page


def _other_content(writer: IncrementalPdfFileWriter) -> None:
    page = _page(writer)
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 700 Td (Pay one million) Tj ET")
    page[generic.pdf_name("/Contents")] = writer.add_object(stream)
    writer.update_container(page)


def _cover(writer: IncrementalPdfFileWriter) -> None:
    """A note that hides what was signed."""
    note = {"/Type": "/Annot", "/Subtype": "/FreeText"}
    made = generic.DictionaryObject({generic.pdf_name(key): generic.pdf_name(value) for key, value in note.items()})
    made[generic.pdf_name("/Rect")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 500, 800)))
    page = _page(writer)
    page[generic.pdf_name("/Annots")] = generic.ArrayObject([writer.add_object(made)])
    writer.update_container(page)


def _fill(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[generic.pdf_name("/V")] = generic.pdf_string("1000000")
    writer.update_container(field)


def _other_root(writer: IncrementalPdfFileWriter) -> None:
    """The whole tree of pages is another one."""
    page = generic.DictionaryObject({generic.pdf_name("/Type"): generic.pdf_name("/Page")})
    kids = generic.ArrayObject([writer.add_object(page)])
    pages = generic.DictionaryObject({generic.pdf_name("/Type"): generic.pdf_name("/Pages")})
    pages[generic.pdf_name("/Kids")] = kids
    pages[generic.pdf_name("/Count")] = generic.NumberObject(1)
    writer.root[generic.pdf_name("/Pages")] = writer.add_object(pages)
    writer.update_root()


@pytest.mark.parametrize("attack", [_other_content, _cover, _fill, _other_root])
def test_what_was_added_after_signing_is_told_as_a_change(
    ec: Signer, tmp_path: Path, attack: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    """pdfsig calls the signature valid, and says that not all of the document is signed."""
    signed = ec.signed(pdf.with_form(FORM))
    assert judged(signed, ec).status == "valid"
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    attack(writer)
    made = io.BytesIO()
    writer.write(made)
    changed = made.getvalue()
    assert changed.startswith(signed)
    assert "Not total document signed" in pdf.pdfsig(changed, tmp_path)
    report = judged(changed, ec)
    assert (report.status, report.reasons) == ("invalid", ("changed_after_signing",))
    (found,) = report.signers
    assert found.coverage is not None
    assert found.coverage.octets_after == len(changed) - len(signed)
    # A signature over the changed document makes the first one no better.
    again = judged(other(ec).signed(changed), ec)
    assert [one.status for one in again.signers] == ["invalid", "valid"]


@pytest.mark.parametrize("tail", [b"junk", b"%PDF-1.7\n1 0 obj<<>>endobj\n", b"\nstartxref\n0\n%%EOF\nx"])
def test_octets_that_readers_may_take_differently_are_no_harmless_end(ec: Signer, signed: bytes, tail: bytes) -> None:
    assert judged(signed + tail, ec).status == "invalid"


def test_a_range_that_leaves_something_out_is_wrong(ec: Signer, signed: bytes) -> None:
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", signed)
    assert found is not None
    zero, start, end, rest = map(int, found.groups())
    was = found[0]
    for given in (
        (zero, start - 9, end, rest), (zero, start, end + 1, rest - 1), (1, start - 1, end, rest),
        (zero, start, end, rest - 20), (zero, start, end, rest + 7), (zero, end, end, rest),
    ):  # fmt: skip
        report = judged(signed.replace(was, (b"/ByteRange [%d %d %d %d]" % given).ljust(len(was))), ec)
        assert report.status == "invalid", given
        assert set(report.reasons) & {"range_wrong", "changed_after_signing", "document_changed"}, given


def test_what_stands_in_the_gap_besides_the_value_is_found(ec: Signer, signed: bytes, tmp_path: Path) -> None:
    """The room for the value is signed by nobody: entries and objects hidden in it are changes, though every digest is
    right."""
    (one,) = pdf.embedded(signed)
    start = signed.index(b"/Contents <") + len(b"/Contents <")
    end, value = signed.index(b">", start), one.cms.hex().encode()
    for hidden in (b">/Reason(I agree to everything)/X<", b">>>endobj 3 0 obj<</Type/Page>>endobj 99 0 obj<</X<"):
        forged = signed[:start] + (value + hidden).ljust(end - start, b"0") + signed[end:]
        assert len(forged) == len(signed)
        (still,) = pdf.embedded(signed[:start] + value.ljust(end - start, b"0") + signed[end:])
        assert pdf.openssl_verifies(ec.authority, still._replace(covered=forged[: start - 1] + forged[end + 1 :]))
        report = judged(forged, ec)
        assert report.status == "invalid"
        assert set(report.reasons) & {"range_wrong", "damaged"}, report.reasons


def test_a_signature_of_another_document_is_none_of_this_one(ec: Signer, signed: bytes) -> None:
    """The value of one put into the place of the other."""
    another = ec.signed(pdf.plain().replace(b"Contract", b"Contrast"))
    mark = b"/Contents <"
    at, end = signed.index(mark), signed.index(b">", signed.index(mark))
    swapped = signed[:at] + another[at : end + 1] + signed[end + 1 :]
    report = judged(swapped, ec)
    assert (report.status, report.reasons) == ("invalid", ("document_changed",))


def test_hostile_documents_end_in_typed_errors_in_time() -> None:
    """Through the worker, as the command has it."""
    fields = {6 + one: b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (7 + one, 7 + one) for one in range(60)}
    doubling = pdf.written({**pdf.objects(b"/AcroForm<</Fields[6 0 R]>>"), **fields, 66: b"<</FT/Sig/T(x)>>"})

    def read(document: bytes) -> Signatures:
        with Worker(seconds=3) as worker:  # of which the libraries take one
            return worker.read(Read(document))

    with pytest.raises(DocumentTooComplex):
        verify_pdf(doubling, None, NOW, read)
    for value in (b"/ByteRange[0 1 2]/Contents 99999999999", b"/Contents<30>", b"/ByteRange[0 9 99 9]/Contents<30>"):
        report = verify_pdf(pdf.with_form({6: b"<</FT/Sig/T(x)/V<<%s>>>>" % value}), None, NOW)
        assert report.status != "valid"
        assert set(report.reasons) & {"range_wrong", "damaged"}, report.reasons


def test_an_encrypted_document_is_an_error_and_no_verdict(tmp_path: Path, signed: bytes) -> None:
    file = pdf.qpdf(pdf.plain(), tmp_path, "--encrypt", "user", "owner", "256", "--")
    with pytest.raises(DocumentEncrypted):
        verify_pdf(file, None, NOW, signatures.read)


def test_the_command_tells_who_signed_what_of_the_file_and_numbers_them(
    ec: Signer, signed: bytes, tmp_path: Path
) -> None:
    (tmp_path / "two.pdf").write_bytes(other(ec).signed(signed, level="t"))
    (tmp_path / "bad.pdf").write_bytes(signed.replace(b"Contract", b"Contrast"))

    def pero(*arguments: str | Path, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PERO_HOME": str(tmp_path / "home"), "LC_ALL": locale, "PYTHONUTF8": "1"}
        command = [sys.executable, "-m", "agent.cli.main", "verify", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    trust = ("--trust", ec.authority.root.certificate)
    shown = pero("two.pdf", *trust)
    assert (shown.returncode, shown.stderr) == (0, "")
    for words in (
        "Signature 1 of 2",
        "Signature 2 of 2",
        "PAdES B-T",
        "Other signatures were added",
        "Signed by: second",
    ):
        assert words in shown.stdout, shown.stdout
    assert text("command.verify.covers.whole", "en") in shown.stdout
    told = json.loads(pero("two.pdf", *trust, "--json").stdout)
    assert [(one["number"], one["level"], one["coverage"]["after"]) for one in told["signers"]] == [
        (1, "b", "signatures"),
        (2, "t", "nothing"),
    ]
    russian = pero("bad.pdf", *trust, locale="ru_RU.UTF-8")
    assert russian.returncode == 1
    assert "Подпись неверна." in russian.stdout
    assert "Документ не тот, который был подписан" in russian.stdout
    assert pero("two.pdf", "--content", "bad.pdf").returncode == 64


@pytest.mark.parametrize("time", ["D:00010101000000+23'59'", "D:99991231235959-23'59'"])
def test_a_time_before_or_after_all_others_is_no_claim_and_no_damage(time: str) -> None:
    assert signatures._moment(generic.TextStringObject(time)) is None
