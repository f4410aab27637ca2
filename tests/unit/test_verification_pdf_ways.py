"""PDF signatures written in other ways than Pero's, and each thing that makes one of them wrong by itself. Judges:
pdfsig, openssl, pyHanko, which makes the time-stamps of documents."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asn1crypto import tsp
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from agent.certificates import der
from agent.pdf import signatures
from agent.pdf.messages import Found, Signatures
from agent.pdf.process import Worker
from agent.verification.pdf_signatures import verify_pdf
from agent.verification.report import Report
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer

NOW = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)  # later than the certificates are made


@pytest.fixture(scope="module")
def ec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    with Worker() as worker:
        authority = Authority(tmp_path_factory.mktemp("authority"), "ec", "http://nowhere.invalid")
        yield Signer(authority, authority.signer("first", ""), worker)


@pytest.fixture(scope="module")
def signed(ec: Signer) -> bytes:
    return ec.signed(pdf.plain())


Change = Callable[[Found], Found]


def judged(file: bytes, by: Signer, change: Change = lambda found: found) -> Report:
    """`change`: what the reader of documents says otherwise of the last signature."""

    def read(document: bytes) -> Signatures:
        told = signatures.read(document)
        return msgspec.structs.replace(told, found=(*told.found[:-1], change(told.found[-1])))

    return verify_pdf(file, [by.authority.root.der], NOW, read)


def otherwise(**facts: Any) -> Change:
    return lambda found: msgspec.structs.replace(found, **facts)


def of_no_stated_length(value: bytes) -> bytes:
    """The outer layers of a CMS in BER (X.690 section 8.1.3.6); what is signed stays as it was."""
    kind, content = der.read(value).children()
    (data,) = content.children()
    return b"\x30\x80" + kind.whole + b"\xa0\x80\x30\x80" + data.contents + bytes(6)


def with_contents(file: bytes, contents: bytes) -> bytes:
    start = file.index(b"/Contents <") + len(b"/Contents <")
    end = file.index(b">", start)
    return file[:start] + contents.hex().encode().ljust(end - start, b"0") + file[end:]


def test_a_signature_in_ber_is_judged_as_one_in_der(ec: Signer, signed: bytes, tmp_path: Path) -> None:
    (one,) = pdf.embedded(signed)
    file = with_contents(signed, of_no_stated_length(one.cms))
    assert "Signature is Valid" in pdf.pdfsig(file, tmp_path)
    assert judged(file, ec).status == "valid"
    assert judged(file.replace(b"Contract", b"Contrast"), ec).reasons == ("document_changed",)
    for broken in (b"\x30\x80" * 40, b"\x30\x80\x30", b"\x30\x84\xff\xff\xff\xff"):
        assert judged(with_contents(signed, broken), ec).reasons == ("damaged",)


class OfAuthority(TimeStamper):
    """pyHanko's way to a time-stamp authority."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._authority = authority

    async def async_request_tsa_response(self, req: Any) -> Any:
        return tsp.TimeStampResp.load(self._authority.stamp(req.dump()))


def stamped(file: bytes, authority: Authority) -> bytes:
    """With a time-stamp of the whole document (EN 319 142-1 clause 5.4.3)."""
    writer = IncrementalPdfFileWriter(io.BytesIO(file))
    made = signers.PdfTimeStamper(OfAuthority(authority)).timestamp_pdf(writer, "sha256")
    return bytes(made.getvalue())


def test_time_stamps_of_documents_are_told_and_are_nobodys_signature(ec: Signer, signed: bytes) -> None:
    report = judged(stamped(signed, ec.authority), ec)
    assert (report.status, [one.trusted for one in report.timestamps]) == ("valid", [True])
    assert report.signers[0].coverage is not None
    assert report.signers[0].coverage.after == "material"
    alone = judged(stamped(pdf.plain(), ec.authority), ec)
    assert (alone.status, alone.reasons) == ("indeterminate", ("not_signed",))
    assert [one.trusted for one in alone.timestamps] == [True]
    both = judged(ec.signed(stamped(pdf.plain(), ec.authority)), ec)
    assert both.status == "valid"


def test_a_time_stamp_of_a_document_proves_nothing_of_a_changed_one(ec: Signer, signed: bytes) -> None:
    file = stamped(signed, ec.authority)
    changed = judged(file.replace(b"Contract", b"Contrast"), ec)
    assert changed.reasons == ("document_changed", "timestamp_wrong")
    report = judged(file + b"\n% more", ec)
    assert report.status == "invalid"
    assert [(one.trusted, one.reason) for one in report.timestamps] == [(False, "changed_after_signing")]


def test_everything_that_is_wrong_with_a_signature_counts_by_itself(ec: Signer, signed: bytes) -> None:
    """Whatever the reader of documents was talked into."""
    assert judged(signed, ec, otherwise()).status == "valid"
    (found,) = signatures.read(signed).found
    zero, start, end, rest = found.byte_range
    for change in (
        otherwise(byte_range=(zero, start, end)),
        otherwise(byte_range=(1, start, end, rest)),
        otherwise(byte_range=(-1, start, end, rest)),
        otherwise(byte_range=(zero, start + 2, end, rest)),
        otherwise(contents=found.contents[:-1] + b"\x01"),
        otherwise(contents=b""),
    ):
        report = judged(signed, ec, change)
        assert (report.status, report.reasons) == ("invalid", ("range_wrong",))
    for kind in ("/adbe.pkcs7.sha1", "/adbe.x509.rsa_sha1", ""):
        report = judged(signed, ec, otherwise(kind=kind))
        assert (report.status, report.reasons) == ("indeterminate", ("algorithm_unsupported",))
    more = ec._replace(holder=ec.authority.signer("second", "")).signed(signed)

    def first(change: Change) -> Report:
        told = signatures.read(more)
        given = msgspec.structs.replace(told, found=(change(told.found[0]), *told.found[1:]))
        return verify_pdf(more, [ec.authority.root.der], NOW, lambda _document: given)

    assert first(otherwise()).status == "valid"
    for change in (otherwise(revision=False), otherwise(permission=1), otherwise(after="form")):
        assert first(change).reasons == ("changed_after_signing",)
    assert first(otherwise(permission=2)).status == "valid"


def test_a_signature_that_brings_its_own_content_is_none_of_the_document(ec: Signer, signed: bytes) -> None:
    """A right CMS over something else, put into the room."""
    attached = ec.authority.sign_content(b"another", "1.2.840.113549.1.7.1", ec.holder, "-cades")
    report = judged(with_contents(signed, attached), ec)
    assert report.status == "invalid"
    assert "damaged" in report.reasons
    covered = pdf.embedded(signed)[0].covered
    attached = ec.authority.sign_content(covered, "1.2.840.113549.1.7.1", ec.holder, "-cades")
    assert "damaged" in judged(with_contents(signed, attached), ec).reasons


def test_what_cannot_be_compared_is_never_taken_for_harmless(
    ec: Signer, signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ec._replace(holder=ec.authority.signer("second", "")).signed(signed)

    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(EmbeddedPdfSignature, "evaluate_modifications", fail)
    assert judged(more, ec).reasons == ("changed_after_signing",)
