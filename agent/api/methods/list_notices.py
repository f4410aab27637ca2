"""`list_notices`: what the person was told by notifications, oldest first."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services


async def list_notices(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    return {"notices": await asyncio.to_thread(services.notices)}


METHOD = Method("list_notices", COMMAND, Nothing, list_notices)
