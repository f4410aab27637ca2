"""`search_journal`: entries of the journal by words, kind, outcome, site and period; the newest come first."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.records.query import Query


async def search_journal(services: Services, _caller: Caller, query: Query) -> dict[str, Any]:
    found = await asyncio.to_thread(services.index.search, query)
    entries = [msgspec.structs.asdict(entry) for entry in found.entries]
    return {"entries": entries, "next": found.next, "behind": found.behind}


METHOD = Method("search_journal", COMMAND, Query, search_journal)
