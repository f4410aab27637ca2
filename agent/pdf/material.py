"""The document security store: what a verifier needs later (EN 319 142-1 clause 5.4, ISO 32000-2 section 12.8.4.3).

Runs in the worker only. What others put there stays; nothing is put there twice.
"""

from __future__ import annotations

import itertools
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_date
from pyhanko.pdf_utils.misc import PdfError

from agent.pdf.messages import AddMaterial
from agent.pdf.objects import entry, name
from agent.pdf.revision import Writer

_MAX_PRESENT = 1000  # entries of an earlier store that are compared with ours


def add(writer: Writer, task: AddMaterial) -> None:
    store = entry(writer.root, "/DSS")
    if not isinstance(store, generic.DictionaryObject):
        store = generic.DictionaryObject({name("Type"): name("DSS")})
        writer.root["/DSS"] = writer.add_object(store)
        writer.update_root()
    about = generic.DictionaryObject({name("Type"): name("VRI"), name("TU"): pdf_date(task.moment)})
    for key, own, values in (
        ("/Certs", "/Cert", task.certificates),
        ("/OCSPs", "/OCSP", task.ocsp),
        ("/CRLs", "/CRL", task.crls),
    ):
        references = _put(writer, store, key, values)
        if references:
            about[own] = generic.ArrayObject(references)
    signatures = entry(store, "/VRI")
    if not isinstance(signatures, generic.DictionaryObject):
        signatures = store["/VRI"] = generic.DictionaryObject()
    signatures[f"/{task.key}"] = writer.add_object(about)
    writer.update_container(signatures)
    writer.update_container(store)


def _put(writer: Writer, store: Any, key: str, values: tuple[bytes, ...]) -> list[Any]:
    """References to the values as streams, new or there already."""
    if not values:
        return []
    if not isinstance(entry(store, key), generic.ArrayObject):
        store[key] = generic.ArrayObject()
    listed = store[key]
    present = {octets: one for one in itertools.islice(listed, _MAX_PRESENT) if (octets := _octets(one))}
    found = []
    for value in dict.fromkeys(values):
        if value not in present:
            stream = generic.StreamObject(stream_data=value)
            stream.compress()
            present[value] = writer.add_object(stream)
            listed.append(present[value])
        found.append(present[value])
    writer.update_container(listed)
    return found


def _octets(reference: Any) -> bytes | None:
    """None for what is not a stream that can be read: it is left as it is."""
    try:
        found = reference.get_object()
        return bytes(found.data) if isinstance(found, generic.StreamObject) else None
    except (PdfError, NotImplementedError):
        return None
