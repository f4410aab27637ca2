"""`list_journal`: the newest entries of the journal, oldest first."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services

MAX_ENTRIES = 1000


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_ENTRIES)] = 50


async def list_journal(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    entries = await asyncio.to_thread(services.journal.entries, parameters.limit)
    return {"entries": [msgspec.structs.asdict(entry) for entry in entries]}


METHOD = Method("list_journal", COMMAND, Parameters, list_journal)
