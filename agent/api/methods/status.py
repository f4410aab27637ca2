"""`status`: what answers here. Pages that are not allowed do not get this far."""

from __future__ import annotations

import os
from typing import Any

from agent.api.caller import Caller, Role
from agent.api.method import EVERYBODY, Method, Nothing
from agent.api.protocol import PROTOCOL
from agent.api.services import Services


async def status(services: Services, caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    answer: dict[str, Any] = {"version": services.version, "protocol": PROTOCOL}
    if caller.role is Role.COMMAND:
        answer |= {"pid": os.getpid(), "port": services.port(), "state": str(services.locations.state)}
        answer["icon"] = services.icon()
    return answer


METHOD = Method("status", EVERYBODY, Nothing, status)
