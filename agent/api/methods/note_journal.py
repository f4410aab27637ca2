"""`note_journal`: the person's own words to an entry of the journal, as an entry of their own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadParameters

MAX_TEXT = 2000  # characters


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entry: Annotated[int, msgspec.Meta(ge=1)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


async def note_journal(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises BadParameters where there is no such entry, JournalUnwritable."""
    number = await asyncio.to_thread(_note, services, parameters)
    return {"number": number}


def _note(services: Services, parameters: Parameters) -> int:
    with services.journal.reader() as reader:
        if reader.execute("SELECT 1 FROM entries WHERE number = ?", (parameters.entry,)).fetchone() is None:
            raise BadParameters(detail="no such entry")
    return services.journal.note("note", {"entry": parameters.entry, "text": parameters.text})


METHOD = Method("note_journal", COMMAND, Parameters, note_journal)
