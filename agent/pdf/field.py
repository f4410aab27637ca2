"""The field that holds a signature, and the signature dictionary (ISO 32000-1 sections 12.7.4.5 and 12.8.1).

Runs in the worker only. Changes as little as it can: a field, its page's list of annotations, the form, the catalogue.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import enumerate_fields_in
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.misc import FormFillingError

from agent.errors import BadParameters, FieldUnusable, FormUnsupported
from agent.pdf.locks import check_changes, check_field, is_constrained
from agent.pdf.messages import Entries
from agent.pdf.objects import MAX_ITEMS, array, dictionaries, dictionary, entry, name
from agent.pdf.revision import Writer

_APPEND_ONLY = 3  # SigFlags: SignaturesExist and AppendOnly (table 219)
_FLAGS = 0b1000_0100  # of the annotation: Print, Locked (table 165)
_LARGEST_RANGE = 10  # digits of an offset in a file that can be signed


class _Fixed(generic.PdfObject):
    """Octets of a fixed length whose place in the file is remembered."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.start = 0

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        self.start = stream.tell()
        stream.write(self.octets)


class Placeholders:
    """Where Contents and ByteRange came to lie; the range is known when the file's length is."""

    def __init__(self, room: int) -> None:
        self.contents = _Fixed(b"<" + b"00" * room + b">")
        self.byte_range = _Fixed(b" " * len(self._range(0, 0, 0)))

    @staticmethod
    def _range(start: int, end: int, rest: int) -> bytes:
        width = _LARGEST_RANGE
        return b"[0 %d %d %d]" % (start, end, rest) if rest else b"[0 %s %s %s]" % ((b"0" * width,) * 3)

    def fill(self, addition: bytes, before: int) -> tuple[bytes, tuple[int, int]]:
        """The addition with its ByteRange, and the place of Contents. `before`: octets that stand before it."""
        start = self.contents.start
        end = start + len(self.contents.octets)
        written = self._range(start, end, before + len(addition) - end).ljust(len(self.byte_range.octets))
        at = self.byte_range.start - before
        return addition[:at] + written + addition[at + len(written) :], (start, end)


def add_signature(writer: Writer, entries: Entries, room: int) -> tuple[Placeholders, Any]:
    """The signature dictionary in its field; returns the placeholders and the field's annotation.

    Raises FieldUnusable, FormUnsupported, DocumentLocked, BadParameters.
    """
    form = _form(writer)
    check_changes(writer.root, form, new_mark=False)
    reference, is_new = _field(writer, form, entries)
    if is_new and entries.mark:
        check_changes(writer.root, form, new_mark=True)
    field = reference.get_object()
    placeholders = Placeholders(room)
    value = _dictionary(entries, placeholders)
    if not is_new:
        check_field(form, entries.field or "")
        lock = dictionary(field, "/Lock")
        if lock:
            value["/Reference"] = generic.ArrayObject([_field_lock(lock, writer)])
    field["/V"] = writer.add_object(value)
    writer.mark_update(reference)
    form["/SigFlags"] = generic.NumberObject(_APPEND_ONLY)
    form.pop("/NeedAppearances", None)  # appearances made anew by a reader would be changes
    writer.update_container(form)
    return placeholders, _annotation(field)


def _dictionary(entries: Entries, placeholders: Placeholders) -> Any:
    """EN 319 142-1 clause 6.3: Filter, SubFilter, M, ByteRange, Contents are there, Cert is not."""
    value = generic.DictionaryObject()
    value["/Type"] = name("Sig")
    value["/Filter"] = name("Adobe.PPKLite")
    value["/SubFilter"] = name("ETSI.CAdES.detached")
    value["/ByteRange"] = placeholders.byte_range
    value["/Contents"] = placeholders.contents
    value["/M"] = _Fixed(entries.moment.strftime("(D:%Y%m%d%H%M%SZ)").encode())
    for key, text in (("/Reason", entries.reason), ("/Location", entries.location), ("/ContactInfo", entries.contact)):
        if text:
            value[key] = pdf_string(text)
    return value


def _form(writer: Writer) -> Any:
    """The document's form, made where there is none. Raises FormUnsupported for a dynamic XFA form: its pages are made
    out of XML by the reader, so that what is seen is not what the file's pages hold."""
    root = writer.root
    form = entry(root, "/AcroForm")
    if isinstance(form, generic.DictionaryObject):
        if entry(root, "/NeedsRendering"):
            raise FormUnsupported
        return form
    form = generic.DictionaryObject({name("Fields"): generic.ArrayObject()})
    root["/AcroForm"] = writer.add_object(form)
    writer.update_root()
    return form


def signature_fields(form: Any, filled: bool | None = None) -> Iterator[tuple[str, Any, Any]]:
    """Full name, value and reference of each signature field."""
    found = enumerate_fields_in(array(form, "/Fields"), filled_status=filled, refs_seen=set(), target_field_type="/Sig")
    yield from itertools.islice(found, MAX_ITEMS)


def _field(writer: Writer, form: Any, entries: Entries) -> tuple[Any, bool]:
    """Reference of the field, and whether it is new."""
    wanted = entries.field
    if wanted is not None:
        for _full_name, _value, reference in _named(form, wanted):
            _check_empty(wanted, reference.get_object())
            return reference, False
    if "/XFA" in form:
        raise FormUnsupported  # a field that the form's own template does not know of
    if wanted is not None and "." in wanted:
        raise FieldUnusable(field=wanted, reason="absent")  # the dot parts the names of a hierarchy
    return _new_field(writer, form, wanted or _free_name(form), entries), True


def _named(form: Any, wanted: str) -> list[tuple[str, Any, Any]]:
    try:
        return list(
            enumerate_fields_in(array(form, "/Fields"), with_name=wanted, refs_seen=set(), target_field_type="/Sig")
        )
    except FormFillingError as error:
        raise FieldUnusable(field=wanted, reason="kind") from error


def _check_empty(full_name: str, field: Any) -> None:
    if entry(field, "/V") is not None:
        raise FieldUnusable(field=full_name, reason="signed")
    if is_constrained(dictionary(field, "/SV")):
        raise FieldUnusable(field=full_name, reason="constrained")


def _free_name(form: Any) -> str:
    taken = {full_name for full_name, _value, _reference in signature_fields(form)}
    taken |= {str(entry(field, "/T")) for field in dictionaries(form, "/Fields")}
    return next(one for number in itertools.count(1) if (one := f"Signature{number}") not in taken)


def _new_field(writer: Writer, form: Any, field_name: str, entries: Entries) -> Any:
    """Field and annotation in one dictionary; without a mark it has no extent (section 12.7.4.5)."""
    mark = entries.mark
    page = find_page(writer, mark.page if mark else 1)
    field = generic.DictionaryObject()
    field["/FT"] = name("Sig")
    field["/T"] = pdf_string(field_name)
    field["/Type"] = name("Annot")
    field["/Subtype"] = name("Widget")
    field["/F"] = generic.NumberObject(_FLAGS)
    field["/Rect"] = generic.ArrayObject([generic.NumberObject(0)] * 4)
    field["/P"] = page
    reference = writer.add_object(field)
    if not isinstance(entry(form, "/Fields"), generic.ArrayObject):
        form["/Fields"] = generic.ArrayObject()
    fields = form["/Fields"]
    fields.append(reference)
    writer.update_container(fields)
    writer.register_annotation(page, reference)
    return reference


def find_page(writer: Writer, number: int) -> Any:
    """The page by its number, from 1; -1 is the last. Raises BadParameters."""
    count = int(entry(writer.root["/Pages"], "/Count", 0))
    index = number - 1 if number > 0 else count + number
    if number == 0 or not 0 <= index < count:
        raise BadParameters(detail=f"the document has no page {number}")
    page, _resources = writer.find_page_for_modification(index)
    return page


def _annotation(field: Any) -> Any:
    """The field's one annotation, which mostly is the field itself."""
    return next(dictionaries(field, "/Kids"), field)


def _field_lock(lock: Any, writer: Writer) -> Any:
    """The lock that the form's author put on an empty field takes effect as it is signed (section 12.8.2.4)."""
    root = writer.root_ref
    parameters = generic.DictionaryObject({name("Type"): name("TransformParams"), name("V"): name("1.2")})
    for key in ("/Action", "/Fields", "/P"):
        if key in lock:
            parameters[key] = lock[key]
    return generic.DictionaryObject(
        {
            name("Type"): name("SigRef"),
            name("TransformMethod"): name("FieldMDP"),
            name("TransformParams"): parameters,
            name("Data"): generic.IndirectObject(root.idnum, root.generation, writer),
        }
    )
