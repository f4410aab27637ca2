"""How old the passphrases of the key files are, and of which the person is to be told (R39).

The age is what the key file's record says (`tokens.about`). What was told is kept in a file of the agent's own; one
that is lost or damaged costs a reminder that comes once more. A telling that lies in the future of the clock was made
by another clock, and does not count.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from agent.config import write_private
from agent.errors import FileUnwritable
from agent.tokens import about
from agent.tokens.about import About, Moment

AGAIN = timedelta(days=30)  # between two reminders of the same passphrase
GRACE = timedelta(days=1)  # before a weak one is told of: who has just brought a file in was told then
SLACK = timedelta(days=1)  # by which a telling may lie in the future
MOST = 200  # key files that are looked at
_THUMBPRINT = 64  # hex digits: the name of a key file's folder
_SERIAL = 16  # of them: what a key file has for a token's serial number
MAX_FILE = 1 << 20  # bytes

_log = logging.getLogger("pero.care")


class KeyFile(NamedTuple):
    """One key file's passphrase."""

    thumbprint: str
    about: About

    @property
    def serial(self) -> str:
        return self.thumbprint[:_SERIAL]

    def days(self, now: datetime) -> int:
        """Since it was set, as far as Pero knows; a clock that was set back makes no age negative."""
        return max((now - self.about.since).days, 0)


class Due(NamedTuple):
    kind: Literal["passphrase_old", "passphrase_weak"]
    file: KeyFile
    days: int


def key_files(folder: Path) -> list[KeyFile]:
    """Those of which a record can be read. Nothing is opened but the records."""
    try:
        folders = sorted(one for one in folder.iterdir() if len(one.name) == _THUMBPRINT)
    except OSError:
        return []
    found = ((one.name, about.read(one)) for one in folders[:MOST])
    return [KeyFile(name, record) for name, record in found if record is not None]


class Passphrases:
    """`path` is the file in which it stands who was told when."""

    def __init__(self, path: Path, folder: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._folder = folder
        self._now = now
        self._told = self._load()

    def due(self, days: int) -> list[Due]:
        """Of which the person is to be told now, the weak ones first. `days`: the age to remind at; 0: of no age."""
        found = [one for file in key_files(self._folder) if (one := self._due(file, days)) is not None]
        return sorted(found, key=lambda one: (one.kind == "passphrase_old", -one.days))

    def told(self, what: Iterable[Due]) -> None:
        present = {file.thumbprint for file in key_files(self._folder)}
        now = self._now()
        self._told = {name: moment for name, moment in self._told.items() if name in present}
        self._told |= {one.file.thumbprint: now for one in what}
        try:
            write_private(self._path, msgspec.json.encode(self._told))
        except FileUnwritable as error:
            _log.warning("reminders_unwritable reason=%s", error.facts["reason"])

    def _due(self, file: KeyFile, days: int) -> Due | None:
        now, age = self._now(), file.days(self._now())
        last = self._told.get(file.thumbprint)
        if last is not None and last <= now + SLACK and now - last < AGAIN and last >= file.about.since:
            return None
        if days and age >= days:
            return Due("passphrase_old", file, age)
        if file.about.weak and now - file.about.since >= GRACE:
            return Due("passphrase_weak", file, age)
        return None

    def _load(self) -> dict[str, Moment]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_FILE), type=dict[str, Moment])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
