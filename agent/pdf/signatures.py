"""The signatures in a document of a stranger: what their dictionaries say, and what was changed behind each of them.

Runs in the worker only. pyHanko compares the revisions (its rules know the shadow attacks of 2021); nothing of a
signature itself is believed or verified here.
"""

from __future__ import annotations

import datetime
import io
import itertools
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import enumerate_fields_in
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from agent.errors import DocumentDamaged, DocumentEncrypted
from agent.pdf.messages import After, Found, Signatures
from agent.pdf.objects import array, dictionary, entry
from agent.pdf.revision import reading

MAX_SIGNATURES = 64
_MAX_MATERIAL = 256  # streams of each kind in the store
_LONGEST = 1024  # characters of what a signer says
_NUMBERS = 4  # of a ByteRange
_ENTIRE = (SignatureCoverageLevel.ENTIRE_REVISION, SignatureCoverageLevel.ENTIRE_FILE)


def read(document: bytes) -> Signatures:
    """Raises DocumentDamaged, DocumentEncrypted."""
    with reading():
        reader = PdfFileReader(io.BytesIO(document), strict=False)
        if "/Encrypt" in reader.trailer.flatten():
            raise DocumentEncrypted
        root = reader.root
        fields = tuple(itertools.islice(_fields(root), MAX_SIGNATURES + 1))
        if len(fields) > MAX_SIGNATURES:
            raise DocumentDamaged(format="pdf", detail="signatures")
        names = {name for name, _field in fields}
        found = [_found(reader, name, field, names) for name, field in fields]
        store = dictionary(root, "/DSS")
        return Signatures(
            tuple(sorted(found, key=lambda one: sum(one.byte_range[2:]))),
            certificates=tuple(_streams(store, "/Certs")),
            ocsp=tuple(_streams(store, "/OCSPs")),
            crls=tuple(_streams(store, "/CRLs")),
        )


def _fields(root: Any) -> Iterator[tuple[str, Any]]:
    """Signature fields with a value: full name, field."""
    form = dictionary(root, "/AcroForm")
    listed = enumerate_fields_in(array(form, "/Fields"), filled_status=True, refs_seen=set(), target_field_type="/Sig")
    for name, _value, reference in listed:
        yield str(name), reference.get_object()


def _found(reader: PdfFileReader, name: str, field: Any, names: set[str]) -> Found:
    signature = entry(field, "/V")
    if not isinstance(signature, generic.DictionaryObject):
        raise DocumentDamaged(format="pdf", detail="signature")
    numbers = tuple(int(one) for one in itertools.islice(array(signature, "/ByteRange"), _NUMBERS + 1))
    revision, after, permission = _changes(reader, name, field, names)
    return Found(
        field=name[:_LONGEST],
        kind=str(entry(signature, "/SubFilter", "")),
        byte_range=numbers,
        contents=_octets(entry(signature, "/Contents")),
        revision=revision,
        after=after,
        permission=permission,
        moment=_moment(entry(signature, "/M")),
        reason=_text(entry(signature, "/Reason")),
        location=_text(entry(signature, "/Location")),
    )


def _changes(reader: PdfFileReader, name: str, field: Any, names: set[str]) -> tuple[bool, After, int]:
    """Whether the range is a revision, what was changed behind it, and P of DocMDP. What cannot be compared is taken
    for the worst: nobody could say that it is harmless."""
    try:
        embedded = EmbeddedPdfSignature(reader, field, name)
        permission = embedded.docmdp_level
        coverage: Any = embedded.evaluate_signature_coverage()
        embedded.coverage = coverage  # which evaluate_modifications looks at
        revision = coverage in _ENTIRE
        changes = embedded.evaluate_modifications(DEFAULT_DIFF_POLICY) if revision else None
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError, RecursionError,
        TypeError, ValueError, PdfError, CMSExtractionError,
    ):  # fmt: skip
        return False, "other", 0
    return revision, _after(changes, names), int(permission.value) if permission is not None else 0


def _after(changes: Any, names: set[str]) -> After:
    if not isinstance(changes, DiffResult) or changes.modification_level > ModificationLevel.FORM_FILLING:
        return "other"
    if changes.modification_level == ModificationLevel.NONE:
        return "nothing"
    if changes.changed_form_fields - names:
        return "form"
    return "signatures" if changes.modification_level == ModificationLevel.FORM_FILLING else "material"


def _streams(store: Any, key: str) -> Iterator[bytes]:
    for one in itertools.islice(array(store, key), _MAX_MATERIAL):
        found = one.get_object()
        if isinstance(found, generic.StreamObject):
            yield bytes(found.data)


def _octets(value: Any) -> bytes:
    strings = generic.ByteStringObject | generic.TextStringObject
    return bytes(value.original_bytes) if isinstance(value, strings) else b""


def _text(value: Any) -> str | None:
    return str(value)[:_LONGEST] if isinstance(value, generic.TextStringObject) else None


def _moment(value: Any) -> datetime.datetime | None:
    """A claim that cannot be read is none."""
    if not isinstance(value, generic.TextStringObject):
        return None
    try:
        moment = generic.parse_pdf_date(value, strict=False)
        return moment.astimezone(datetime.UTC) if moment.tzinfo else None
    except (PdfError, ValueError, OverflowError):
        return None
