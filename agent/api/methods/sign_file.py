"""`sign_file`: a command has a file of this user signed. A large file is read as a stream, and never held."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.algorithms import DigestAlgorithm
from agent.api import wire
from agent.api.caller import Caller
from agent.api.contents import MAX_WHOLE, digests_for, is_streamed, surrounded
from agent.api.files import open_file, unreadable
from agent.api.method import COMMAND, Method
from agent.api.progress import progress_for
from agent.api.services import Services
from agent.errors import BadParameters, DocumentTooLarge
from agent.model import Document, Streamed
from agent.signing.filters import Filter
from agent.signing.large import Told, check_unchanged, nobody, read_streamed, snapshot
from agent.signing.large_room import Room
from agent.signing.options import MAX_EXISTING, SignatureOptions
from agent.signing.request import SignRequest

MAX_PATH = 4096  # characters
Thumbprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=MAX_PATH)]  # absolute
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    attached: bool = False
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()
    existing_path: Annotated[str, msgspec.Meta(max_length=MAX_PATH)] | None = None  # `existing` in a file, absolute
    progress: Annotated[str, msgspec.Meta(max_length=64)] | None = None  # what notifications of it are named by


async def sign_file(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnreadable, FileChanged, DocumentTooLarge, FileUnwritable of the caller's room, and whatever signing
    raises."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    parameters = await asyncio.to_thread(_with_existing, parameters)
    room = _room_of(caller) if parameters.attached else None
    try:
        document = await read_document(services, caller, path, parameters, most=MAX_WHOLE, room=room)
    finally:
        if room is not None:
            room.leave()
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
    if parameters.attached and isinstance(document, Streamed):
        return surrounded(made, document, None if room is None else room.at)
    return wire.signature(made)


def _room_of(caller: Caller) -> Room | None:
    """For one request, so that no two write into the same file. Raises BadParameters."""
    lent, caller.lent = caller.lent, None
    return None if lent is None else Room(lent.room, lent.document)


def _with_existing(parameters: Parameters) -> Parameters:
    """Raises BadParameters, FileUnreadable, DocumentTooLarge."""
    if parameters.existing_path is None:
        return parameters
    path = Path(parameters.existing_path)
    if not path.is_absolute() or parameters.options.existing is not None:
        raise BadParameters(detail="existing_path")
    with open_file(path) as file:
        try:
            existing = file.read(MAX_EXISTING + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(existing) > MAX_EXISTING:
        raise DocumentTooLarge(limit=MAX_EXISTING)
    options = msgspec.structs.replace(parameters.options, existing=existing)
    return msgspec.structs.replace(parameters, options=options, existing_path=None)


async def read_document(
    services: Services,
    caller: Caller,
    path: Path,
    parameters: Parameters,
    *,
    most: int | None,
    room: Room | None = None,
) -> Document | Streamed:
    """`most`: bytes of a file that is held, a larger one is read as a stream; None: no stream, a large file is refused.
    `room`: where a stream is written too.

    Raises FileUnreadable, FileChanged, DocumentTooLarge, FileUnwritable of the room.
    """
    algorithms: tuple[DigestAlgorithm, ...] = ()
    if most is not None and _is_larger(path, most):
        algorithms = await digests_for(services, parameters.certificate, parameters.digest_algorithm)
    given_up = threading.Event()
    told = progress_for(caller, parameters.progress) if parameters.progress is not None else nobody
    try:
        return await asyncio.to_thread(_read, path, parameters, algorithms, given_up, told, room)
    finally:
        given_up.set()  # a thread cannot be cancelled, and the agent does not end before it


def _is_larger(path: Path, most: int) -> bool:
    try:
        return path.stat().st_size > most
    except (OSError, ValueError):
        return False  # reading it says what the matter is


def _read(
    path: Path,
    parameters: Parameters,
    algorithms: tuple[DigestAlgorithm, ...],
    given_up: threading.Event,
    told: Told,
    room: Room | None,
) -> Document | Streamed:
    """The file whole where it is small, else its digests."""
    with open_file(path) as file:
        try:
            before = snapshot(os.fstat(file.fileno()))
            if algorithms and is_streamed(parameters.options, parameters.attached):
                stream = partial(
                    read_streamed, path, file, algorithms,
                    insist=parameters.certificate is not None, given_up=given_up, told=told,
                )  # fmt: skip
                if room is None or not room.is_for(before):
                    return stream()
                with room.writing(algorithms[0], before.size) as add:
                    return stream(also=(add,))
            content = file.read(MAX_WHOLE + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(content) > MAX_WHOLE:
        raise DocumentTooLarge(limit=MAX_WHOLE)
    unchanged = partial(check_unchanged, path, before)
    unchanged()
    return Document(path.name, content, unchanged=unchanged)


METHOD = Method("sign_file", COMMAND, Parameters, sign_file, leads_to_person=True)
