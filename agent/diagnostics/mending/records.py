"""What was mended, kept in the state folder so that it can be undone. Written before each step, so that a mend that
broke off can be undone as far as it went."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from agent.config import Locations, secure_folder, write_private
from agent.errors import FileUnreadable, FileUnwritable

FOLDER = "mended"
_SUFFIX = ".json"


class Done(msgspec.Struct, frozen=True):
    """A step that was begun: its row in STEPS, and how it was before."""

    kind: str
    kept: dict[str, str | int | None]


class Record(msgspec.Struct, frozen=True):
    """One performed offer. `number` counts up from 1 and names the file."""

    number: int
    remedy: str
    time: str  # RFC 3339, UTC
    findings: tuple[str, ...]  # ids of checks
    steps: tuple[Done, ...] = ()


def read(locations: Locations) -> list[Record]:
    """The oldest first. Raises FileUnreadable where one cannot be read: nothing is undone by halves unseen."""
    records = []
    for path in _folder(locations).glob(f"*{_SUFFIX}"):
        try:
            records.append(msgspec.json.decode(path.read_bytes(), type=Record))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FileUnreadable(path=str(path), reason=str(error)) from error
    return sorted(records, key=lambda record: record.number)


def write(locations: Locations, record: Record) -> None:
    """Raises FileUnwritable, StateUnsafe. The state folder itself may be open to others: that may be what is mended."""
    secure_folder(_folder(locations))
    write_private(_path(locations, record), msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def remove(locations: Locations, record: Record) -> None:
    """Raises FileUnwritable."""
    path = _path(locations, record)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def _folder(locations: Locations) -> Path:
    return locations.state / FOLDER


def _path(locations: Locations, record: Record) -> Path:
    return _folder(locations) / f"{record.number}{_SUFFIX}"
