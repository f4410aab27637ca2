"""`token_unblock`: a PIN that is locked after wrong tries is set anew, with the administrator's PIN or the PUK."""

from __future__ import annotations

from typing import Any

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


async def token_unblock(services: Services, caller: Caller, parameters: token_wire.OnToken) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    await services.managing.unblock(token, caller.prompter, services.language)
    return {"done": True}


METHOD = Method("token_unblock", COMMAND, token_wire.OnToken, token_unblock)
