"""Looking into a document's objects, which may be of any kind where a stranger wrote them. Runs in the worker only.

``get`` of pyHanko's dictionaries gives references as they are; here they are followed, and null is absence.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name

MAX_ITEMS = 10_000  # of one array that are looked at


def name(value: str) -> Any:
    return pdf_name("/" + value)


def entry(container: Any, key: str, default: Any = None) -> Any:
    """The value of a key, behind its reference; the default where it is absent or null."""
    try:
        return container[key]
    except KeyError:
        return default


def dictionary(container: Any, key: str) -> Any:
    """The dictionary under a key; an empty one, of its own, where there is none."""
    found = entry(container, key)
    return found if isinstance(found, generic.DictionaryObject) else generic.DictionaryObject()


def array(container: Any, key: str) -> Any:
    """The array under a key; an empty one, of its own, where there is none."""
    found = entry(container, key)
    return found if isinstance(found, generic.ArrayObject) else generic.ArrayObject()


def dictionaries(container: Any, key: str) -> Iterator[Any]:
    """The dictionaries in the array under a key, behind their references."""
    for one in itertools.islice(array(container, key), MAX_ITEMS):
        found = one.get_object()
        if isinstance(found, generic.DictionaryObject):
            yield found
