"""When certificates end that were seen here, on tokens that are out too, and what is to be told of it (R13).

Of each certificate its owner, serial numbers and dates are remembered, and a tag by which a newer one of the same owner
and role is known: what is replaced already is not told of. What is told is told once at each threshold. A telling that
lies in the future of the clock was made by another clock than this one: it counts again when its time comes, so that a
clock that went wrong and right again neither repeats nor swallows anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from agent.certificates.description import describe
from agent.certificates.succession import tag_of
from agent.config import write_private
from agent.errors import CertificateDamaged, FileUnwritable
from agent.model import KEY_FILES, CertificateEntry, Listing
from agent.signing.fitting import is_authority

MOST = 2000  # certificates that are remembered
ENDED_LATELY = timedelta(days=30)  # what ended before that is told of no more
FORGOTTEN_AFTER = timedelta(days=90)  # from the end
SLACK = timedelta(days=1)  # by which a telling may lie in the future: a clock that was put right
ENDED = 0  # the threshold of what has ended
MAX_FILE = 4 << 20  # bytes

_log = logging.getLogger("pero.signing")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """One certificate. Times are UTC."""

    owner: str
    serial: str  # of the certificate, hex
    token: str  # serial number of its token; "": a key file
    not_after: Moment
    key_not_after: Moment | None = None  # end of the private key's own period
    told: dict[int, Moment] = {}  # threshold in days: when
    begin: Moment | None = None  # of the certificate; None: not known, written by an older Pero
    use: str = ""  # `succession.tag_of`

    @property
    def end(self) -> datetime:
        """When it can be signed with no more."""
        return self.not_after if self.key_not_after is None else min(self.not_after, self.key_not_after)

    @property
    def what(self) -> str:
        """What ends then: "certificate" or "key"."""
        return "certificate" if self.end == self.not_after else "key"

    def replaces(self, other: Ending, now: datetime) -> bool:
        """Whether the same person can sign with this one in the same role, and longer."""
        if not self.use or (self.owner, self.use) != (other.owner, other.use):
            return False
        return self.begin is not None and self.begin <= now < self.end and self.end > other.end


class Due(NamedTuple):
    """What the person is to be told now."""

    number: int  # of the certificate, for `told`
    ending: Ending
    threshold: int  # days
    days: int  # whole ones that are left; ENDED where it is over

    @property
    def kind(self) -> str:
        """Of the notice."""
        return f"{self.ending.what}_{'ended' if self.threshold == ENDED else 'ends'}"


class Endings:
    """The file may be lost or damaged: then what is seen next is remembered anew."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._endings = self._load()
        self._known: dict[str, Ending | None] = {}  # by thumbprint; None: an authority's, or one that cannot be read
        self.heard: Callable[[], None] = lambda: None  # called when something else is remembered than before

    def all(self) -> tuple[Ending, ...]:
        return tuple(self._endings)

    def saw(self, listing: Listing) -> None:
        """Remember what is there. What lay on a token that is in, or among the key files, and is not there any more
        was deleted: it is forgotten."""
        seen = {_key(one): one for entry in listing.certificates if (one := self._ending(entry)) is not None}
        old = {_key(one): one for one in self._endings}
        present = {token.serial for token in listing.tokens if token.module != KEY_FILES}
        faulty = {fault.module for fault in listing.faults}
        kept = {
            key: one
            for key, one in old.items()
            if key not in seen and not _is_deleted(one, present, faulty) and self._now() - one.end < FORGOTTEN_AFTER
        }
        found = {
            key: msgspec.structs.replace(one, told=old[key].told) if key in old else one for key, one in seen.items()
        }
        self._keep([*kept.values(), *found.values()])

    def due(self, thresholds: Sequence[int]) -> tuple[Due, ...]:
        """What is to be told at this moment, the nearest end first."""
        now = self._now()
        found = [_due(number, one, thresholds, now) for number, one in enumerate(self._endings)]
        due = [one for one in found if one is not None and not self._is_replaced(one.ending, now)]
        return tuple(sorted(due, key=lambda one: one.ending.end))

    def told(self, what: Iterable[Due]) -> None:
        changed = list(self._endings)
        for one in what:
            told = {**changed[one.number].told, one.threshold: self._now()}
            changed[one.number] = msgspec.structs.replace(changed[one.number], told=told)
        self._keep(changed, hear=False)

    def _is_replaced(self, ending: Ending, now: datetime) -> bool:
        return any(one.replaces(ending, now) for one in self._endings)

    def _ending(self, entry: CertificateEntry) -> Ending | None:
        if entry.has_key is False:
            return None
        if entry.thumbprint not in self._known:
            if len(self._known) > MOST:
                self._known.clear()
            self._known[entry.thumbprint] = _read(entry)
        return self._known[entry.thumbprint]

    def _keep(self, endings: list[Ending], *, hear: bool = True) -> None:
        kept = sorted(endings, key=lambda one: one.end, reverse=True)[:MOST]
        if kept == self._endings:
            return
        self._endings = kept
        try:
            write_private(self._path, msgspec.json.encode(kept))
        except FileUnwritable as error:
            _log.warning("endings_unwritable reason=%s", error.facts["reason"])
        if hear:
            self.heard()

    def _load(self) -> list[Ending]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_FILE), type=list[Ending])[:MOST]
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []


def is_quiet(hours: str, local: time) -> bool:
    """Whether notifications wait. `hours`: "22:00-08:00"; empty, or twice the same time: never."""
    if not hours:
        return False
    begin, end = (time.fromisoformat(one) for one in hours.split("-"))
    if begin <= end:
        return begin <= local < end
    return local >= begin or local < end


def _key(one: Ending) -> tuple[str, str, datetime]:
    return one.serial, one.owner, one.not_after


def _is_deleted(one: Ending, present: set[str], faulty: set[str]) -> bool:
    return one.token in present if one.token else KEY_FILES not in faulty


def _read(entry: CertificateEntry) -> Ending | None:
    try:
        found = describe(entry.der)
    except CertificateDamaged:
        return None
    if is_authority(found):
        return None
    place = "" if entry.token.module == KEY_FILES else entry.token.serial or "?"
    return Ending(
        found.owner,
        found.serial,
        place,
        found.not_after,
        found.usage.key_not_after,
        begin=max(found.not_before, found.usage.key_not_before or found.not_before),
        use=tag_of(found),
    )


def _due(number: int, one: Ending, thresholds: Sequence[int], now: datetime) -> Due | None:
    left = one.end - now
    if left <= timedelta(0):
        reached: int | None = ENDED if -left < ENDED_LATELY else None
    else:
        reached = min((days for days in thresholds if left <= timedelta(days=days)), default=None)
    if reached is None or any(days <= reached and moment <= now + SLACK for days, moment in one.told.items()):
        return None
    return Due(number, one, reached, max(left.days, 0))
