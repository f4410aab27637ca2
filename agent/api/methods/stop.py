"""`stop`: the agent ends, as at SIGTERM; what is in flight is told so, this request is answered first."""

from __future__ import annotations

from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services


async def stop(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Raises NotRunning where these are the objects of one command and no agent."""
    services.stop()
    return {"stopping": True}


METHOD = Method("stop", COMMAND, Nothing, stop)
