"""`verify_journal`: follows the journal's chain of hashes from the first entry to the last."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services


async def verify_journal(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    found = await asyncio.to_thread(services.journal.verify)
    return {
        "entries": found.count,
        "intact": found.broken_at is None,
        "head": found.head,
        "broken_at": found.broken_at,
    }


METHOD = Method("verify_journal", COMMAND, Nothing, verify_journal)
