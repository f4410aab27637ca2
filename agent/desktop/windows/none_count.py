"""A guard for PySide6 6.12 on CPython before 3.12, where None is counted like any other object.

Each of its calls that has no result gives a reference to None back that it never took; after some thousands of calls
the process ends with "deallocating None". Since CPython 3.12 None is immortal (PEP 683), and nothing is to be done.
"""

from __future__ import annotations

import ctypes
import sys

_PLENTY = 1 << 40  # references: more than calls in the life of a window


def keep_none() -> None:
    """To be called once, before the toolkit is used much."""
    if sys.implementation.name == "cpython" and sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += _PLENTY  # ob_refcnt is the first field of an object
