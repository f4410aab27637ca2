"""`token_import`: the key and the certificates of a PKCS#12 file are put on a token."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.files import open_file, unreadable
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadParameters, DocumentTooLarge

MAX_KEY_FILE = 1 << 20  # bytes


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute


async def token_import(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    content = await asyncio.to_thread(_read, path)
    token = await token_wire.find(services, parameters.token)
    made = await services.managing.import_key_file(token, content, path.name, caller.prompter, services.language)
    return {"objects": token_wire.objects(made)}


def _read(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            content = file.read(MAX_KEY_FILE + 1)
        except OSError as error:
            raise unreadable(path, error) from error
    if len(content) > MAX_KEY_FILE:
        raise DocumentTooLarge(limit=MAX_KEY_FILE)
    return content


METHOD = Method("token_import", COMMAND, Parameters, token_import)
