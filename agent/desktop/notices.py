"""What the person was told by notifications, kept for reading it later: the newest MOST, in one file."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import msgspec

from agent.config import write_private
from agent.errors import Fact, FileUnwritable
from agent.texts.catalogue import text

MOST = 300

_log = logging.getLogger("pero.desktop")


class Notice(msgspec.Struct, frozen=True):
    """`kind` and `facts` make the wording: keys `notice.KIND.title` and `notice.KIND.body`."""

    time: str  # UTC, ISO 8601 with Z
    kind: str
    facts: dict[str, Fact] = {}
    shown: bool = True  # the desktop took it; False: it can only be read here

    def title(self, language: str) -> str:
        return text(f"notice.{self.kind}.title", language, **self.facts)

    def body(self, language: str) -> str:
        return text(f"notice.{self.kind}.body", language, **self.facts)


class Notices:
    """The file may be lost or damaged: then there is no history, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notices = self._load()

    def all(self) -> list[Notice]:
        """Oldest first."""
        return list(self._notices)

    def add(self, kind: str, facts: dict[str, Fact], now: datetime, *, shown: bool) -> None:
        self._notices = [*self._notices, Notice(f"{now:%Y-%m-%dT%H:%M:%SZ}", kind, facts, shown)][-MOST:]
        try:
            write_private(self._path, msgspec.json.encode(self._notices))
        except FileUnwritable as error:
            _log.warning("notices_unwritable reason=%s", error.facts["reason"])

    def _load(self) -> list[Notice]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Notice])[-MOST:]
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
