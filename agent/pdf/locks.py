"""What earlier signatures and the form's author forbid (ISO 32000-1 sections 12.7.4.5, 12.8.2 and 12.8.4).

Runs in the worker only. Whoever forbade changes would have an invalid signature if we signed all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import enumerate_fields_in

from agent.errors import DocumentLocked
from agent.pdf.objects import array, dictionaries, dictionary, entry

_NO_CHANGES = 1  # P of DocMDP (table 254)
_DEFAULT_PERMISSION = 2
_MAX_SIGNATURES = 1000
# Ff of a seed value dictionary (table 234). Demands upon reasons, digests, certificates and the like are not looked at.
_HARMLESS_CONSTRAINTS = 0b111  # Filter, SubFilter, V


def check_changes(root: Any, form: Any, *, new_mark: bool) -> None:
    """Raises DocumentLocked where a signature forbids every change (DocMDP, P 1). `new_mark`: a mark in a place of its
    own is wanted; a certified document (P 2 and 3) allows signing, but such a mark readers take for a change."""
    certification = entry(dictionary(root, "/Perms"), "/DocMDP")
    signatures = [certification] if isinstance(certification, generic.DictionaryObject) else []
    for signature in (*signatures, *_signatures(form)):
        for method, parameters in _transforms(signature):
            default = _DEFAULT_PERMISSION if method == "/DocMDP" else 0
            if method in ("/DocMDP", "/FieldMDP") and entry(parameters, "/P", default) == _NO_CHANGES:
                raise DocumentLocked
            if method == "/DocMDP" and new_mark:
                raise DocumentLocked


def check_field(form: Any, full_name: str) -> None:
    """Raises DocumentLocked where an earlier signature locked this field (FieldMDP)."""
    for signature in _signatures(form):
        for method, parameters in _transforms(signature):
            if method == "/FieldMDP" and _is_locked(parameters, full_name):
                raise DocumentLocked


def _is_locked(parameters: Any, full_name: str) -> bool:
    action = entry(parameters, "/Action")
    if action == "/All":
        return True
    listed = any(full_name == str(one) or full_name.startswith(f"{one}.") for one in array(parameters, "/Fields"))
    return listed if action == "/Include" else not listed


def _signatures(form: Any) -> Iterator[Any]:
    found = enumerate_fields_in(array(form, "/Fields"), filled_status=True, refs_seen=set(), target_field_type="/Sig")
    for _name, value, _reference in itertools.islice(found, _MAX_SIGNATURES):
        signature = value.get_object()
        if isinstance(signature, generic.DictionaryObject):
            yield signature


def _transforms(signature: Any) -> Iterator[tuple[str, Any]]:
    for reference in dictionaries(signature, "/Reference"):
        yield str(entry(reference, "/TransformMethod")), dictionary(reference, "/TransformParams")


def is_constrained(seed: Any) -> bool:
    """Whether a seed value dictionary demands what we do not look at."""
    flags = int(entry(seed, "/Ff", 0))
    if flags & 0b10 and "/ETSI.CAdES.detached" not in array(seed, "/SubFilter"):
        return True
    if flags & 0b1 and entry(seed, "/Filter", "/Adobe.PPKLite") != "/Adobe.PPKLite":
        return True
    return bool(flags & ~_HARMLESS_CONSTRAINTS)
