"""`delete_stray`: one copy of a key is deleted. The person has said so; the journal keeps what it was and where.

On a disk that writes elsewhere (flash, snapshots) the octets may stay for a while: whoever tells the person says so.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.care.kinds import Kind
from agent.care.search import examined
from agent.errors import BadParameters, FileUnreadable, FileUnwritable, NotAKeyCopy
from agent.signing.intention import intention

MAX_READ = 16 << 20  # bytes of which the digest is taken; no key is as long


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute


async def delete_stray(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Only what the search would find, and nothing of Pero's own, nor a folder.

    Raises BadParameters, FileUnreadable, NotAKeyCopy, FileUnwritable.
    """
    path = Path(parameters.path)
    if not path.is_absolute() or ".." in path.parts:
        raise BadParameters(detail="path is not absolute")
    if path.is_relative_to(services.locations.state):
        raise NotAKeyCopy(path=str(path))
    kind, digest = await asyncio.to_thread(_looked_at, path)
    facts = {"file": str(path), "form": kind, "digest": digest, "asked_by": caller.prompter.kind}
    with intention(services.journal, "delete_stray", facts) as begun:
        await asyncio.to_thread(_delete, path)
        begun.ended("done")
    return {"deleted": True}


def _looked_at(path: Path) -> tuple[Kind, str]:
    try:
        kind, _status = examined(str(path))
        if kind is None:
            raise NotAKeyCopy(path=str(path))
        with path.open("rb") as file:
            return kind, hashlib.sha256(file.read(MAX_READ)).hexdigest()
    except IsADirectoryError as error:
        raise NotAKeyCopy(path=str(path)) from error
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


METHOD = Method("delete_stray", COMMAND, Parameters, delete_stray)
