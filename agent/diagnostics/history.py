"""The history of this machine as the doctor saw it: versions with their dates, and when it last was well (R30).

One small file in the state folder. A run that saw nothing new only moves the last entry's end; so an entry is a span of
time in which nothing changed. Names of people, labels and paths are not in it: versions, ids and cases are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent.config import write_private
from agent.diagnostics.base import Finding

NAME = "history.json"  # in the state folder
LIMIT = 200  # entries; the oldest go
MAX_FILE = 1 << 20  # bytes; where entries are long fewer are kept, and a larger file is not ours
_MAX_TEXT = 100  # characters of a name or a version
_NAMING = ("driver", "browser", "provider", "product", "name")  # the fact that says whose version it is


class Entry(msgspec.Struct, frozen=True):
    """What was so from `begin` to `end` (UTC, ISO 8601): the first and the last run that saw it."""

    begin: str
    end: str
    versions: dict[str, str]  # "CHECK NAME": version
    wrong: tuple[str, ...]  # "CHECK CASE" of each error, sorted

    @property
    def well(self) -> bool:
        return not self.wrong


class Change(msgspec.Struct, frozen=True):
    """One thing that is not as it was. `before`, `now`: a version; empty where there was or is none."""

    what: str  # "CHECK NAME" of a version, or "CHECK CASE" of an error that is new
    before: str
    now: str
    since: str  # the first run that saw it so


class Since(msgspec.Struct, frozen=True):
    """What changed since the machine last was well. `well`: the end of that time; empty where it never was."""

    well: str
    versions: tuple[Change, ...] = ()
    errors: tuple[Change, ...] = ()


def versions(findings: Sequence[Finding], machine: Mapping[str, str]) -> dict[str, str]:
    """Every version that findings tell, and those of `machine` (its own names: "system", "Pero")."""
    told = {f"machine {name}": value for name, value in machine.items()}
    for finding in findings:
        version = finding.facts.get("version")
        if version:
            name = next((str(finding.facts[fact]) for fact in _NAMING if finding.facts.get(fact)), "")
            told[f"{finding.id} {name}".strip()[:_MAX_TEXT]] = str(version)
    return {name: value[:_MAX_TEXT] for name, value in sorted(told.items())}


def load(path: Path) -> tuple[Entry, ...]:
    """The entries, oldest first. A file that is missing or damaged holds none."""
    try:
        if path.stat().st_size > MAX_FILE:
            return ()
        return msgspec.json.decode(path.read_bytes(), type=tuple[Entry, ...])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def record(path: Path, findings: Sequence[Finding], machine: Mapping[str, str], now: datetime) -> tuple[Entry, ...]:
    """Add a whole run; all entries, this one the last. Raises FileUnwritable."""
    moment = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    wrong = sorted({f"{finding.id} {finding.case}" for finding in findings if finding.status == "error"})
    seen = Entry(moment, moment, versions(findings, machine), tuple(wrong))
    entries = load(path)
    if entries and (entries[-1].versions, entries[-1].wrong) == (seen.versions, seen.wrong):
        seen = msgspec.structs.replace(entries[-1], end=moment)
        entries = entries[:-1]
    entries = (*entries, seen)[-LIMIT:]
    encoded = msgspec.json.encode(entries)
    while len(encoded) > MAX_FILE and len(entries) > 1:
        entries = entries[-(len(entries) * 3 // 4) :]
        encoded = msgspec.json.encode(entries)
    write_private(path, encoded)
    return entries


def since_well(entries: Sequence[Entry]) -> Since:
    """What changed between the last entry in which all was well and the newest."""
    if not entries:
        return Since("")
    last = next((index for index in reversed(range(len(entries))) if entries[index].well), None)
    if last is None:
        return Since("", errors=tuple(_errors(entries)))
    base, now = entries[last], entries[-1]
    names = sorted(base.versions.keys() | now.versions.keys())
    changed = [name for name in names if base.versions.get(name) != now.versions.get(name)]
    later = entries[last + 1 :]
    return Since(
        base.end,
        tuple(
            Change(name, base.versions.get(name, ""), now.versions.get(name, ""), _first_with(later, name))
            for name in changed
        ),
        tuple(_errors(later)),
    )


def _first_with(entries: Sequence[Entry], name: str) -> str:
    """When what is so at the end was seen first, without a break."""
    value, begin = entries[-1].versions.get(name), entries[-1].begin
    for entry in reversed(entries):
        if entry.versions.get(name) != value:
            break
        begin = entry.begin
    return begin


def _errors(entries: Sequence[Entry]) -> Iterator[Change]:
    """The errors of the newest entry, each since when it has been one without a break."""
    for error in entries[-1].wrong if entries else ():
        begin = ""
        for entry in reversed(entries):
            if error not in entry.wrong:
                break
            begin = entry.begin
        yield Change(error, "", "", begin)
