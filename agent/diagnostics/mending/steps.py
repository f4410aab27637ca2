"""What remedies do, and how each is undone. STEPS is the whole set; a record names its rows."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.diagnostics.mending import issuer
from agent.diagnostics.mending.actions import ACTIONS
from agent.diagnostics.mending.base import Command, Ground, Kept, Told
from agent.errors import FileUnreadable, FileUnwritable, MendFailed, MendOverwritten

MAX_KEPT = 1 << 20  # octets of a file that is replaced


@dataclass(frozen=True)
class WriteFile:
    """A file of the person's own, with the folders above it. What stood there is kept."""

    path: Path
    content: bytes
    mode: int
    kind: ClassVar[str] = "file"
    administrator: ClassVar[bool] = False

    def told(self, ground: Ground) -> Told:
        return "replace" if self.path.exists() else "write", {"path": str(self.path)}

    def keep(self, ground: Ground) -> Kept | None:
        before = _content(self.path)
        return {
            "path": str(self.path),
            "before": None if before is None else base64.b64encode(before).decode(),
            "mode": None if before is None else _mode(self.path),
            "after": hashlib.sha256(self.content).hexdigest(),
            "folders": sum(not parent.exists() for parent in self.path.parents),
        }

    async def do(self, ground: Ground) -> None:
        _write(self.path, self.content, self.mode)


@dataclass(frozen=True)
class SetMode:
    """Permission bits of a file or folder that is this user's."""

    path: Path
    mode: int
    kind: ClassVar[str] = "mode"
    administrator: ClassVar[bool] = False

    def told(self, ground: Ground) -> Told:
        return "mode", {"path": str(self.path), "mode": f"{self.mode:04o}"}

    def keep(self, ground: Ground) -> Kept | None:
        return {"path": str(self.path), "before": _mode(self.path), "after": self.mode}

    async def do(self, ground: Ground) -> None:
        _set_mode(self.path, self.mode)


@dataclass(frozen=True)
class AsAdministrator:
    """A row of ACTIONS. `subject` is what it is about, checked by the row itself; empty: nothing in particular."""

    action: str
    subject: str = ""
    kind: ClassVar[str] = "administrator"
    administrator: ClassVar[bool] = True

    def told(self, ground: Ground) -> Told:
        line = ground.administrator.line(self.command()) or self.command().words
        return self.action, {"command": " ".join(line), "subject": self.subject}

    def command(self) -> Command:
        return ACTIONS[self.action].do(self.subject)

    def keep(self, ground: Ground) -> Kept | None:
        undoable = ACTIONS[self.action].undo(self.subject)
        _check_unchanged(self.action, self.subject, ground)  # what would be lost could not be brought back
        return {"action": self.action, "subject": self.subject} if undoable else None

    async def do(self, ground: Ground) -> None:
        await ground.administrator.run(self.command())


@dataclass(frozen=True)
class StartAgent:
    """Start the agent of this state folder; one that runs is stopped first."""

    restart: bool = False
    kind: ClassVar[str] = "agent"
    administrator: ClassVar[bool] = False

    def told(self, ground: Ground) -> Told:
        return "agent_restart" if self.restart else "agent_start", {}

    def keep(self, ground: Ground) -> Kept | None:
        return None if self.restart else {}

    async def do(self, ground: Ground) -> None:
        if self.restart:
            await ground.agent.stop()
        await ground.agent.start()


Data = Mapping[str, str | int | None]
Undo = Callable[[Data, Ground], Awaitable[None]]


async def _undo_file(kept: Data, ground: Ground) -> None:
    path, before = Path(str(kept["path"])), kept["before"]
    wanted = None if before is None else base64.b64decode(str(before))
    now = _content(path)
    if now == wanted:
        return
    if now is not None and hashlib.sha256(now).hexdigest() != kept["after"]:
        raise MendOverwritten(path=str(path))
    if wanted is not None:
        _write(path, wanted, int(kept["mode"] or 0o600))
        return
    _remove(path, int(kept["folders"] or 0))


async def _undo_mode(kept: Data, ground: Ground) -> None:
    path, before = Path(str(kept["path"])), int(kept["before"] or 0)
    now = _mode(path)
    if now == before:
        return
    if now != kept["after"]:
        raise MendOverwritten(path=str(path))
    _set_mode(path, before)


async def _undo_administrator(kept: Data, ground: Ground) -> None:
    action = ACTIONS.get(str(kept["action"]))
    if action is None:
        raise MendFailed(step=str(kept["action"]), reason="unknown")
    _check_unchanged(str(kept["action"]), str(kept["subject"]), ground)
    for command in action.undo(str(kept["subject"])):
        await ground.administrator.run(command)


async def _undo_agent(kept: Data, ground: Ground) -> None:
    await ground.agent.stop()


STEPS: Mapping[str, Undo] = {
    "file": _undo_file,
    "mode": _undo_mode,
    "administrator": _undo_administrator,
    "agent": _undo_agent,
    "issuer": issuer.undo,
}


def _told_file(kept: Data, _ground: Ground) -> list[Told]:
    return [("removed" if kept.get("before") is None else "restored", {"path": kept.get("path")})]


def _told_mode(kept: Data, _ground: Ground) -> list[Told]:
    return [("mode", {"path": kept.get("path"), "mode": f"{int(kept.get('before') or 0):04o}"})]


def _told_administrator(kept: Data, ground: Ground) -> list[Told]:
    action = ACTIONS.get(str(kept.get("action")))
    commands = action.undo(str(kept.get("subject"))) if action else ()
    lines = [ground.administrator.line(command) or command.words for command in commands]
    return [("administrator", {"command": " ".join(line)}) for line in lines]


def _told_agent(_kept: Data, _ground: Ground) -> list[Told]:
    return [("agent", {})]


UNDOING: Mapping[str, Callable[[Data, Ground], list[Told]]] = {
    "file": _told_file,
    "mode": _told_mode,
    "administrator": _told_administrator,
    "agent": _told_agent,
    "issuer": issuer.undo_told,
}


def _content(path: Path) -> bytes | None:
    """What stands there; None: nothing. Raises FileUnreadable, for a link too: what it leads to is not ours."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise FileUnreadable(path=str(path), reason="not a file")
        if status.st_size > MAX_KEPT:
            raise FileUnreadable(path=str(path), reason="too large")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


def _check_unchanged(action: str, subject: str, ground: Ground) -> None:
    """Raises MendOverwritten where something stands in the place of an action's file that the action did not write.
    Where this user may not look (rules of polkit), nothing can be told, and what is there is taken for ours."""
    row = ACTIONS[action]
    if row.path is None:
        return
    path = ground.root / row.path(subject).lstrip("/")
    try:
        changed = not stat.S_ISREG(path.lstat().st_mode) or path.read_bytes() != row.do(subject).given
    except OSError:
        return
    if changed:
        raise MendOverwritten(path=str(path))


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


def _set_mode(path: Path, mode: int) -> None:
    """Never through a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, with its mode from the beginning."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


def _remove(path: Path, folders: int) -> None:
    """The file, and as many folders above it, where nothing else came into them."""
    try:
        path.unlink(missing_ok=True)
        for parent in list(path.parents)[:folders]:
            with contextlib.suppress(OSError):
                parent.rmdir()
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
