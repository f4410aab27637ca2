"""`delete_stray`: one copy of a key is deleted. The person has said so; the journal keeps what it was and where.

What is deleted is what was looked at and, where the caller says so, what the person was shown: a file that came in its
place meanwhile stays.

On a disk that writes elsewhere (flash, snapshots) the octets may stay for a while: whoever tells the person says so.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.files import unreadable
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.care.kinds import Kind
from agent.care.search import examined, lies_in, stray
from agent.errors import BadParameters, FileChanged, FileUnwritable, NotAKeyCopy
from agent.signing.intention import intention
from agent.signing.large import snapshot

MAX_READ = 16 << 20  # bytes of which the digest is taken; no key is as long


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute
    size: int | None = None  # bytes; these two as the search told them
    changed: Annotated[str, msgspec.Meta(max_length=32)] | None = None


async def delete_stray(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Only what the search would find, and nothing of Pero's own, nor a folder.

    Raises BadParameters, FileUnreadable, NotAKeyCopy, FileChanged, FileUnwritable.
    """
    path = Path(parameters.path)
    if not path.is_absolute() or ".." in path.parts:
        raise BadParameters(detail="path is not absolute")
    kind, looked_at, digest = await asyncio.to_thread(_looked_at, path, services.locations.state, parameters)
    facts = {"file": str(path), "form": kind, "digest": digest, "asked_by": caller.prompter.kind}
    with intention(services.journal, "delete_stray", facts) as begun:
        await asyncio.to_thread(_delete, path, looked_at)
        begun.ended("done")
    return {"deleted": True}


def _looked_at(path: Path, own: Path, shown: Parameters) -> tuple[Kind, os.stat_result, str]:
    try:
        kind, status, digest = examined(str(path), MAX_READ)
        if kind is None or lies_in(str(path.parent), [str(own)]):
            raise NotAKeyCopy(path=str(path))
    except IsADirectoryError as error:
        raise NotAKeyCopy(path=str(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(path, error) from error
    now = stray(str(path), kind, status)
    if shown.size not in {None, now.size} or shown.changed not in {None, now.changed}:
        raise FileChanged(path=str(path))
    return kind, status, digest


def _delete(path: Path, looked_at: os.stat_result) -> None:
    try:
        if snapshot(path.lstat()) != snapshot(looked_at):
            raise FileChanged(path=str(path))
        path.unlink()
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


METHOD = Method("delete_stray", COMMAND, Parameters, delete_stray)
