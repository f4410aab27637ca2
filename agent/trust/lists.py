"""Revocation lists that were fetched a moment ago: many documents may be signed one after another. In memory only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

KEPT = timedelta(minutes=10)
MAX_KEPT = 32 << 20  # octets of all lists together


class _Kept(NamedTuple):
    content: bytes
    until: datetime


class ListCache:
    """By address, for KEPT at most and never beyond the next list."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[str, _Kept] = {}

    def get(self, url: str) -> bytes | None:
        kept = self._kept.get(url)
        return kept.content if kept is not None and self._now() < kept.until else None

    def keep(self, url: str, content: bytes, until: datetime) -> None:
        """Until then, unless it is there already; the oldest make room."""
        now = self._now()
        self._kept = {name: kept for name, kept in self._kept.items() if now < kept.until}
        if url not in self._kept and len(content) <= MAX_KEPT:
            self._kept[url] = _Kept(content, min(until, now + KEPT))
            while sum(len(kept.content) for kept in self._kept.values()) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
