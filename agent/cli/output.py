"""Text for a terminal: nothing that came from elsewhere may steer it."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

_GAP = "  "
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode general categories


def plain(value: object) -> str:
    """The value in one line, with control, bidirectional and invisible characters escaped."""
    return "".join(_escape(character) for character in str(value))


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _STEERING:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def say(line: str = "") -> None:
    """A line of ours on stdout; values in it went through `plain`."""
    print(line)


def complain(line: str) -> None:
    """A line of ours on stderr."""
    print(line, file=sys.stderr)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns on stdout."""
    cells = [list(headings), *([plain(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        padded = (value.ljust(width) for value, width in zip(row, widths, strict=True))
        say(_GAP.join(padded).rstrip())
