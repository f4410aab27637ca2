"""`pause`: nothing is signed any more until `resume`; open windows go away, every login and held PIN is forgotten."""

from __future__ import annotations

from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services


async def pause(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Raises FileUnwritable; then signing goes on, and the logins are forgotten all the same."""
    try:
        if not services.pause.active:
            services.pause.begin(services.now())
            services.journal.note("pause", {})
    finally:
        await services.tokens.forget_logins()
    return {"paused": True}


METHOD = Method("pause", COMMAND, Nothing, pause)
