"""`token_change_pin`: the PIN of a token, or the passphrase of a key file, is changed; both go past the agent."""

from __future__ import annotations

from typing import Any

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


async def token_change_pin(services: Services, caller: Caller, parameters: token_wire.OnToken) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    await services.managing.change_pin(token, caller.prompter, services.language)
    return {"done": True}


METHOD = Method("token_change_pin", COMMAND, token_wire.OnToken, token_change_pin)
