"""`verify_journal`: follows the journal's chain of hashes from the first entry , and those of its archives."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.records.archive import archives
from agent.records.keeping import archive_folder


async def verify_journal(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    found = await asyncio.to_thread(services.journal.verify)
    folder = archive_folder(services.policy, services.locations)
    kept = await asyncio.to_thread(archives, folder, found.archived)
    return {
        "entries": found.count,
        "intact": found.broken_at is None,
        "head": found.head,
        "broken_at": found.broken_at,
        "first": found.first,
        "archives": [msgspec.structs.asdict(archive) for archive in kept],
    }


METHOD = Method("verify_journal", COMMAND, Nothing, verify_journal)
