"""What was mended, kept in the state folder so that it can be undone."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True):
    """One performed offer. `number` counts up from 1 and names the file."""

    number: int
    remedy: str
    time: str  # RFC 3339, UTC
    finding: str  # id of the check
    kept: tuple[tuple[str, dict[str, str | int | None]], ...] = ()  # of each step begun: its kind and what it kept
