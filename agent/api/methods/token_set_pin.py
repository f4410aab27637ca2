"""`token_set_pin`: a token that has no PIN yet gets its first one."""

from __future__ import annotations

from typing import Any

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


async def token_set_pin(services: Services, caller: Caller, parameters: token_wire.OnToken) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    await services.managing.set_pin(token, caller.prompter, services.language)
    return {"done": True}


METHOD = Method("token_set_pin", COMMAND, token_wire.OnToken, token_set_pin)
