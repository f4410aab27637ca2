"""What `sign_file` answers, as a file. A large document is put into its signature here: the agent gives what stands
before and behind the content, and reads files but writes none that anybody names."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from agent.api.writing import Begun, write, write_by

_SUFFIXES = {"pades": ".pdf", "xmldsig": ".xml", "xades": ".xml"}
_DETACHED, _ATTACHED = ".p7s", ".p7m"  # of CMS: RFC 8551 section 3.2.1
_TEXT = ".sig"  # of CMS in base64, as many Russian portals want it


def target_for(file: str, parameters: dict[str, Any]) -> Path:
    """Where the signature goes where nobody says: beside the document, with the ending of its kind."""
    options = parameters["options"]
    kind, encoding = options["format"], options["encoding"]
    if kind in ("cms", "cades"):
        if encoding.startswith("base64"):
            return Path(file + _TEXT)
        return Path(file + (_ATTACHED if parameters["attached"] else _DETACHED))
    suffix = _SUFFIXES[kind]
    if options.get("packaging") == "detached":
        return Path(f"{file}.sig{suffix}")
    stem, ending = os.path.splitext(file)  # noqa: PTH122 - the name stays as it was given
    return Path(f"{stem}.signed{ending}" if ending.lower() == suffix else f"{file}.signed{suffix}")


async def write_signature(
    target: Path,
    result: dict[str, Any],
    document: Path,
    force: bool,
    told: Callable[[int, int], None],
    room: Begun | None = None,
) -> None:
    """Take the signature out of the result and write it, in a thread: Ctrl-C cancels this task, the thread gives up.

    `told`: bytes written, of how many, where there are many. `room`: what the agent was given for the document; where
    its content is not in there, the document is read once more. Raises FileUnwritable, and where the document was put
    in FileUnreadable and FileChanged.
    """
    given_up = threading.Event()
    try:
        await asyncio.to_thread(write_now, target, result, document, force, told, given_up, room)
    finally:
        given_up.set()


def write_now(
    target: Path,
    result: dict[str, Any],
    document: Path,
    force: bool,
    told: Callable[[int, int], None],
    given_up: threading.Event,
    room: Begun | None = None,
) -> None:
    """As `write_signature`, in a thread of the caller's; `given_up` ends a long one."""
    surroundings, signature = result.pop("around", None), result.pop("signature")
    if surroundings is not None:
        write_by(target, lambda file: _attached(file, surroundings, document, told, given_up), force, room)
    elif result.get("encoding", "der") == "der":
        write(target, base64.b64decode(signature), force)
    else:
        write(target, signature.encode("ascii"), force)


def _attached(
    file: BinaryIO,
    surroundings: dict[str, Any],
    document: Path,
    told: Callable[[int, int], None],
    given_up: threading.Event,
) -> None:
    from agent.api.files import open_file
    from agent.cms.stream import Around
    from agent.signing.large import Content, write_attached

    around = Around(base64.b64decode(surroundings["header"]), base64.b64decode(surroundings["tail"]))
    if _is_put_in(file, surroundings, around.header):
        file.seek(0)
        file.write(around.header)
        file.seek(0, os.SEEK_END)
        file.write(around.tail)
        return
    file.seek(0)
    file.truncate()
    digest = bytes.fromhex(surroundings["digest"])
    with open_file(document) as source:
        content = Content(surroundings["size"], surroundings["digest_algorithm"], digest)
        write_attached(source, file, around, content, str(document), told, given_up)


def _is_put_in(file: BinaryIO, surroundings: dict[str, Any], header: bytes) -> bool:
    """Whether the content is there, behind just so much room as the header takes."""
    if surroundings.get("content_at") != len(header):
        return False
    return os.fstat(file.fileno()).st_size == len(header) + int(surroundings["size"])
