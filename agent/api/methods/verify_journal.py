"""`verify_journal`: follows the journal's chain of hashes from the first entry, and those of its archives."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.records.archive import archives
from agent.records.keeping import archive_folder


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    head: Annotated[str, msgspec.Meta(pattern="^([0-9a-fA-F]{64})?$")] = ""  # hash of an entry that was kept elsewhere


async def verify_journal(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    sought = parameters.head.lower()
    found = await asyncio.to_thread(services.journal.verify, sought)
    folder = archive_folder(services.policy, services.locations)
    kept = await asyncio.to_thread(archives, folder, found.archived, sought)
    return {
        "entries": found.count,
        "intact": found.broken_at is None,
        "head": found.head,
        "broken_at": found.broken_at,
        "first": found.first,
        "archives": [msgspec.structs.asdict(archive) for archive in kept.all],
        "head_at": found.sought_at or kept.sought_at,
    }


METHOD = Method("verify_journal", COMMAND, Parameters, verify_journal)
