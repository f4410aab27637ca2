"""The version of what is said, and what is handed over beside it."""

from __future__ import annotations

from typing import NamedTuple

PROTOCOL = 1  # version of PROTOCOL.md; rises when a published message changes its meaning


class Lent(NamedTuple):
    """Descriptors of a command for large content that is attached."""

    document: int  # open for reading: who cannot read it gets nothing of it
    room: int  # of an empty file without a name
