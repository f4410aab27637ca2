"""`add_key_file`: a PKCS#12 file becomes a place of keys; its passphrase goes from the person to the worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.files import open_file, unreadable
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.certificates.description import describe
from agent.consent.prompter import PassphrasePrompt
from agent.errors import BadParameters, DocumentTooLarge, PeroError, PinCancelled
from agent.model import CertificateEntry
from agent.signing.intention import intention

MAX_KEY_FILE = 1 << 20  # bytes


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute


async def add_key_file(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnreadable, KeyFileDamaged, KeyFileWithoutKey, PinIncorrect."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    content = await asyncio.to_thread(_read, path)
    facts = {"file": path.name, "asked_by": caller.prompter.kind}
    with intention(services.journal, "add_key_file", facts, file=path.name) as begun:
        added = await _ask_and_add(services, caller, path.name, content)
        begun.ended("added", certificate=added[0].thumbprint if added else "")
    return {"certificates": [wire.certificate(describe(one.der), one.chain) for one in added]}


async def _ask_and_add(services: Services, caller: Caller, name: str, content: bytes) -> tuple[CertificateEntry, ...]:
    async with (
        services.queue.turn(while_paused=True),
        caller.prompter.ask_passphrase(PassphrasePrompt(name, services.language)) as dialogue,
    ):
        while True:
            await dialogue.confirmed()
            try:
                added = await services.tokens.add_key_file(content, name, dialogue.pin_source())
            except PinCancelled:
                continue  # what the person does next tells: confirm again, or leave
            except PeroError as error:
                await dialogue.failed(error)
                raise
            await dialogue.done()
            return added


def _read(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            content = file.read(MAX_KEY_FILE + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(content) > MAX_KEY_FILE:
        raise DocumentTooLarge(limit=MAX_KEY_FILE)
    return content


METHOD = Method("add_key_file", COMMAND, Parameters, add_key_file)
