"""What was mended, kept in the state folder so that it can be undone. Written before each step, so that a mend that
broke off can be undone as far as it went."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
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
    """The oldest first. Raises FileUnreadable where one cannot be read: nothing is undone by halves unseen; and where
    one is not this user's: who could write into the folder must not say what is written where."""
    records = []
    for path in _folder(locations).glob(f"*{_SUFFIX}"):
        try:
            _check_own(path)
            records.append(msgspec.json.decode(path.read_bytes(), type=Record))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FileUnreadable(path=str(path), reason=str(error)) from error
    return sorted(records, key=lambda record: record.number)


def begin(locations: Locations, record: Record) -> Record:
    """Write a new record under the next number that is free, whoever else mends meanwhile. Raises as `write`."""
    folder = _folder(locations)
    secure_folder(folder)
    number = max((one.number for one in read(locations)), default=0) + 1
    while True:
        numbered = msgspec.structs.replace(record, number=number)
        if _is_new(folder, _path(locations, numbered), _as_bytes(numbered)):
            return numbered
        number += 1


def write(locations: Locations, record: Record) -> None:
    """Raises FileUnwritable, StateUnsafe. The state folder itself may be open to others: that may be what is mended."""
    secure_folder(_folder(locations))
    write_private(_path(locations, record), _as_bytes(record))


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


def _as_bytes(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def _is_new(folder: Path, path: Path, content: bytes) -> bool:
    """Write a whole file that was not there; False where it is. Raises FileUnwritable."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".new", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    return True


def _check_own(path: Path) -> None:
    """Raises FileUnreadable, OSError."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        raise FileUnreadable(path=str(path), reason="owned by another user")
