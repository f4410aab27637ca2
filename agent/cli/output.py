"""Text for a terminal: nothing that came from elsewhere may steer it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from agent.texts.visible import visible

_GAP = "  "


def plain(value: object) -> str:
    """The value in one line, with everything that steers a terminal or deceives the eye written out."""
    return visible(str(value))


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
