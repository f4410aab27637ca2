"""`sign_file`: a command has a file of this user signed. A detached signature reads the file as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.algorithms import SHA256, DigestAlgorithm, RunningDigest, digest_for_certificate, digest_named, new_digest
from agent.api import wire
from agent.api.caller import Caller
from agent.api.files import open_file, unreadable
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.certificates.description import describe
from agent.errors import BadParameters, Cancelled, CertificateDamaged, DigestTooSlow, DocumentTooLarge
from agent.model import Digest, Document
from agent.signing.filters import Filter
from agent.signing.options import CMS_FORMATS, SignatureOptions
from agent.signing.request import SignRequest

MAX_WHOLE = 32 << 20  # bytes of a file that is read whole: shown in the window, or attached
MAX_PATH = 4096  # characters
_PIECE = 1 << 20  # bytes
Thumbprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=MAX_PATH)]  # absolute
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    attached: bool = False
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()


async def sign_file(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnreadable, DocumentTooLarge and whatever signing raises."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    given_up = threading.Event()
    try:
        algorithms = await _algorithms(services, path, parameters)
        document = await asyncio.to_thread(_read, path, parameters, algorithms, given_up)
    finally:
        given_up.set()  # a thread cannot be cancelled, and the agent does not end before it
    request = SignRequest(
        origin=caller.origin,
        document=document,
        attached=parameters.attached,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=parameters.digest_algorithm if isinstance(document, Document) else None,
        options=parameters.options,
        language=services.language,
    )
    made = await services.signing.sign(request, caller.prompter)
    return wire.signature(made)


async def _algorithms(services: Services, path: Path, parameters: Parameters) -> tuple[DigestAlgorithm, ...]:
    """What a large file is digested with: as named, else SHA-256 and what the GOST keys want that may be chosen."""
    if parameters.digest_algorithm is not None:
        return (digest_named(parameters.digest_algorithm),)
    if not _is_large(path):
        return (SHA256,)
    wanted = {SHA256: None}
    for entry in (await services.tokens.listing()).certificates:
        if parameters.certificate in (None, entry.thumbprint):
            with contextlib.suppress(CertificateDamaged):
                key = describe(entry.der)
                wanted[digest_for_certificate(key.key_type)] = None
    return tuple(wanted)


def _is_large(path: Path) -> bool:
    try:
        return path.stat().st_size > MAX_WHOLE
    except (OSError, ValueError):
        return False  # reading it says what the matter is


def _read(
    path: Path, parameters: Parameters, algorithms: tuple[DigestAlgorithm, ...], given_up: threading.Event
) -> Document | Digest:
    """The file whole where it is small, else its digests."""
    with open_file(path) as file:
        try:
            content = file.read(MAX_WHOLE + 1)
            if len(content) <= MAX_WHOLE:
                return Document(path.name, content)
            if parameters.attached or parameters.options.format not in CMS_FORMATS:
                raise DocumentTooLarge(limit=MAX_WHOLE)
            running = _running(content, algorithms, insist=parameters.certificate is not None)
            while piece := file.read(_PIECE):
                if given_up.is_set():
                    raise Cancelled()
                for one in running.values():
                    one.update(piece)
            first, *others = ((name, one.digest()) for name, one in running.items())
            return Digest(path.name, *first, os.lseek(file.fileno(), 0, os.SEEK_CUR), tuple(others))
        except OSError as error:
            raise unreadable(path, error) from error


def _running(content: bytes, algorithms: tuple[DigestAlgorithm, ...], *, insist: bool) -> dict[str, RunningDigest]:
    """By name; of the beginning of a large file. Where nobody insists on a key, what would take minutes is left out."""
    running = {}
    for algorithm in algorithms:
        try:
            running[algorithm.name] = new_digest(algorithm.name, content)
        except DigestTooSlow:
            if insist:
                raise
    return running


METHOD = Method("sign_file", COMMAND, Parameters, sign_file)
