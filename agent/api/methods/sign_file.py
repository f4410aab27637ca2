"""`sign_file`: a command has a file of this user signed. A detached signature reads the file as a stream."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.algorithms import digest_named
from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadParameters, DocumentTooLarge, FileUnreadable
from agent.model import Digest, Document
from agent.signing.procedure import SignRequest

MAX_WHOLE = 32 << 20  # bytes of a file that is read whole: shown in the window, or attached
MAX_PATH = 4096  # characters
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
    document = await asyncio.to_thread(_read, path, parameters.attached)
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


def _read(path: Path, attached: bool) -> Document | Digest:
    """The file whole where it is small, else its SHA-256."""
    try:
        if not path.is_file():
            raise FileUnreadable(path=str(path), reason="not a file")
        size = path.stat().st_size
        if size <= MAX_WHOLE:
            return Document(path.name, path.read_bytes())
        if attached:
            raise DocumentTooLarge(limit=MAX_WHOLE)
        with path.open("rb") as file:
            value = hashlib.file_digest(file, "sha256").digest()
        return Digest(path.name, digest_named("sha256").name, value, size)
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


METHOD = Method("sign_file", COMMAND, Parameters, sign_file)
