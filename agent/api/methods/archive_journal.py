"""`archive_journal`: moves the journal's oldest entries to an archive, without waiting for the policy's days."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.records.archive import archive
from agent.records.keeping import archive_folder
from agent.records.query import Moment


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before: Annotated[Moment, msgspec.Meta(min_length=1)]  # entries that are older than this moment


async def archive_journal(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnreadable, FileUnwritable, JournalTampered, JournalUnwritable: nothing is lost then."""
    folder = archive_folder(services.policy, services.locations)
    made = await asyncio.to_thread(archive, services.journal, folder, parameters.before)
    if made is None:
        return {"archive": None}
    return {"archive": {"path": str(folder / made.file), "first": made.first, "last": made.last}}


METHOD = Method("archive_journal", COMMAND, Parameters, archive_journal)
