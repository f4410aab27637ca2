"""`resume`: signing goes on after a `pause`."""

from __future__ import annotations

from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services


async def resume(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Raises JournalUnwritable, FileUnwritable: signing stays paused then."""
    if services.pause.active:
        services.journal.note("resume", {})
        services.pause.end()
    return {"paused": False}


METHOD = Method("resume", COMMAND, Nothing, resume)
