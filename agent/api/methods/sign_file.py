"""`sign_file`: a command has a file of this user signed. A detached signature reads the file as a stream."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.algorithms import digest_named
from agent.api import wire
from agent.api.caller import Caller
from agent.api.files import open_file, unreadable
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadParameters, Cancelled, DocumentTooLarge
from agent.model import Digest, Document
from agent.signing.procedure import SignRequest

MAX_WHOLE = 32 << 20  # bytes of a file that is read whole: shown in the window, or attached
MAX_PATH = 4096  # characters
_PIECE = 1 << 20  # bytes
Thumbprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=MAX_PATH)]  # absolute
    certificate: Thumbprint | None = None
    attached: bool = False


async def sign_file(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnreadable, DocumentTooLarge and whatever signing raises."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    given_up = threading.Event()
    try:
        document = await asyncio.to_thread(_read, path, parameters.attached, given_up)
    finally:
        given_up.set()  # a thread cannot be cancelled, and the agent does not end before it
    request = SignRequest(
        origin=caller.origin,
        document=document,
        attached=parameters.attached,
        certificate=parameters.certificate,
        language=services.language,
    )
    made = await services.signing.sign(request, caller.prompter)
    return {
        "signature": wire.encoded(made.signature),
        "detached": made.detached,
        "certificate": wire.certificate(made.candidate.description, made.chain),
    }


def _read(path: Path, attached: bool, given_up: threading.Event) -> Document | Digest:
    """The file whole where it is small, else its SHA-256."""
    with open_file(path) as file:
        try:
            content = file.read(MAX_WHOLE + 1)
            if len(content) <= MAX_WHOLE:
                return Document(path.name, content)
            if attached:
                raise DocumentTooLarge(limit=MAX_WHOLE)
            running = hashlib.new("sha256", content)
            while piece := file.read(_PIECE):
                if given_up.is_set():
                    raise Cancelled()
                running.update(piece)
            return Digest(
                path.name, digest_named("sha256").name, running.digest(), os.lseek(file.fileno(), 0, os.SEEK_CUR)
            )
        except OSError as error:
            raise unreadable(path, error) from error


METHOD = Method("sign_file", COMMAND, Parameters, sign_file)
