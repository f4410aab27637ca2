"""Fields, forms and locks: where a signature may be put, and where it may not. Judges: pyHanko, pdfsig, qpdf."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, enumerate_sig_fields

from agent.errors import BadParameters, DocumentLocked, FieldUnusable, FormUnsupported, PeroError
from agent.pdf.preparation import PdfOptions, Visible, look
from agent.pdf.process import Worker
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.pdf import Signer, field


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    authority = Authority(tmp_path_factory.mktemp("authority"), "ec", "http://nowhere.invalid")
    with Worker() as worker:
        yield Signer(authority, authority.signer("signer", ""), worker)


def fields(file: bytes) -> dict[str, Any]:
    found = enumerate_sig_fields(PdfFileReader(io.BytesIO(file), strict=False))
    return {name: reference.get_object() for name, _value, reference in found}


def refused(signer: Signer, document: bytes, options: PdfOptions | None = None) -> PeroError:
    """The error; it comes before anybody is asked for a certificate too."""
    options = options or PdfOptions()
    with pytest.raises(PeroError) as early:
        look(document, options, perform=signer.perform)
    with pytest.raises(PeroError) as late:
        signer.prepare(document, options)
    assert (type(early.value), early.value.facts) == (type(late.value), late.value.facts)
    return late.value


def valid(signer: Signer, file: bytes, folder: Path) -> bool:
    assert pdf.check_syntax(file, folder) == ""
    assert "Signature is Valid" in pdf.pdfsig(file, folder)
    status = pdf.pyhanko_status(file, signer.authority.root.der)
    return bool(status.bottom_line and status.docmdp_ok)


FORM = {
    6: field(b"Approval", b"100 100 300 180"),
    7: b"<</T(Parent)/Kids[8 0 R]>>",
    8: field(b"Child", more=b"/Parent 7 0 R"),
    9: b"<</FT/Tx/T(Name)/Type/Annot/Subtype/Widget/P 3 0 R/Rect[0 0 9 9]>>",
    10: field(b"Demanding", more=b"/SV<</Type/SV/Ff 8/Reasons[(Only this)]>>"),
    11: field(b"Undemanding", more=b"/SV<</Type/SV/Ff 3/Filter/Adobe.PPKLite/SubFilter[/ETSI.CAdES.detached]>>"),
    12: field(b"Locking", more=b"/Lock<</Type/SigFieldLock/Action/Include/Fields[(Name)]>>"),
}


@pytest.mark.parametrize("name", ["Approval", "Parent.Child", "Undemanding", "Locking"])
def test_an_empty_field_is_used(signer: Signer, tmp_path: Path, name: str) -> None:
    document = pdf.with_form(FORM, b"/SigFlags 1/NeedAppearances true")
    file = signer.signed(document, PdfOptions(field=name))
    found = fields(file)
    assert [one for one in found if "/V" in found[one]] == [name]
    assert set(found) == set(fields(document))
    assert valid(signer, file, tmp_path)
    form = PdfFileReader(io.BytesIO(file)).root["/AcroForm"]
    assert form["/SigFlags"] == 3
    assert "/NeedAppearances" not in form


def test_the_lock_of_a_field_takes_effect(signer: Signer) -> None:
    file = signer.signed(pdf.with_form(FORM), PdfOptions(field="Locking"))
    signature = PdfFileReader(io.BytesIO(file)).embedded_signatures[0]
    assert signature.fieldmdp is not None
    assert signature.fieldmdp.is_locked("Name")
    assert not signature.fieldmdp.is_locked("Approval")


@pytest.mark.parametrize(("name", "reason"), [("Demanding", "constrained"), ("Name", "kind"), ("A.B", "absent")])
def test_a_field_that_cannot_take_the_signature_is_refused(signer: Signer, name: str, reason: str) -> None:
    error = refused(signer, pdf.with_form(FORM), PdfOptions(field=name))
    assert isinstance(error, FieldUnusable)
    assert error.facts == {"field": name, "reason": reason}


def test_a_signed_field_is_not_signed_again(signer: Signer) -> None:
    file = signer.signed(pdf.with_form(FORM), PdfOptions(field="Approval"))
    error = refused(signer, file, PdfOptions(field="Approval"))
    assert error.facts == {"field": "Approval", "reason": "signed"}


def test_new_fields_take_the_name_asked_for_or_the_next_that_is_free(signer: Signer, tmp_path: Path) -> None:
    document = pdf.with_form({6: field(b"Signature1"), 7: b"<</FT/Tx/T(Signature2)/P 3 0 R/Rect[0 0 0 0]>>"})
    file = signer.signed(signer.signed(document), PdfOptions(field="Подпись директора"))
    found = fields(file)
    assert list(found) == ["Signature1", "Signature3", "Подпись директора"]
    assert [float(one) for one in found["Signature3"]["/Rect"]] == [0, 0, 0, 0]
    assert valid(signer, file, tmp_path)


def test_a_mark_is_on_the_page_asked_for(signer: Signer) -> None:
    bodies = pdf.objects()
    bodies[2] = b"<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>"
    bodies[6] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots 7 0 R>>"
    bodies[7] = b"[]"
    document = pdf.written(bodies)
    for number, object_number in ((1, 3), (2, 6), (-1, 6)):
        file = signer.signed(document, PdfOptions(visible=Visible(10, 10, 200, 60, page=number)))
        assert fields(file)["Signature1"].raw_get("/P").idnum == object_number
    for number in (0, 3, -3):
        error = refused(signer, document, PdfOptions(visible=Visible(10, 10, 200, 60, page=number)))
        assert isinstance(error, BadParameters)


@pytest.mark.parametrize("permission", [2, 3])
def test_a_certified_document_that_allows_it_is_signed(signer: Signer, tmp_path: Path, permission: int) -> None:
    holder = signer.authority.signer("author", "")
    document = pdf.signed_by_pyhanko(pdf.plain(), signer.authority, holder, permission=permission)
    file = signer.signed(document)
    assert valid(signer, file, tmp_path)
    author = pdf.pyhanko_status(file, signer.authority.root.der, 0)
    assert author.bottom_line
    assert author.docmdp_ok


@pytest.mark.parametrize("permission", [2, 3])
def test_a_certified_document_takes_a_mark_only_where_its_author_left_room(
    signer: Signer, tmp_path: Path, permission: int
) -> None:
    holder = signer.authority.signer("author", "")
    document = pdf.signed_by_pyhanko(pdf.with_form(FORM), signer.authority, holder, permission=permission)
    mark = Visible(100, 300, 200, 60)
    assert isinstance(refused(signer, document, PdfOptions(visible=mark)), DocumentLocked)
    file = signer.signed(document, PdfOptions(visible=mark, field="Approval"))
    assert valid(signer, file, tmp_path)
    assert pdf.pyhanko_status(file, signer.authority.root.der, 0).docmdp_ok


def test_a_certified_document_that_forbids_changes_is_not_signed(signer: Signer) -> None:
    holder = signer.authority.signer("author", "")
    document = pdf.signed_by_pyhanko(pdf.plain(), signer.authority, holder, permission=1)
    assert isinstance(refused(signer, document), DocumentLocked)


def test_a_field_that_an_earlier_signature_locked_is_not_signed(signer: Signer) -> None:
    holder = signer.authority.signer("author", "")
    for lock, locked in (
        (FieldMDPSpec(FieldMDPAction.ALL), True),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Parent"]), True),
        (FieldMDPSpec(FieldMDPAction.EXCLUDE, ["Parent.Child"]), False),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Approval"]), False),
    ):
        document = pdf.signed_by_pyhanko(pdf.with_form(FORM), signer.authority, holder, lock=lock)
        if locked:
            assert isinstance(refused(signer, document, PdfOptions(field="Parent.Child")), DocumentLocked)
        else:
            signer.signed(document, PdfOptions(field="Parent.Child"))


def test_xfa_forms_are_signed_only_in_fields_of_their_own_and_never_where_they_are_rendered(signer: Signer) -> None:
    xfa = b"/XFA 4 0 R"
    assert isinstance(refused(signer, pdf.with_form(FORM, xfa)), FormUnsupported)
    dynamic = pdf.with_form(FORM, xfa, b"/NeedsRendering true")
    assert isinstance(refused(signer, dynamic, PdfOptions(field="Approval")), FormUnsupported)
    signer.signed(pdf.with_form(FORM, xfa), PdfOptions(field="Approval"))
