"""`token_rename`: an object of a token gets another label."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    object: token_wire.ObjectParameter
    label: token_wire.Label


async def token_rename(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    name = parameters.object.name()
    await services.managing.rename(token, name, parameters.label, caller.prompter, services.language)
    return {"done": True}


METHOD = Method("token_rename", COMMAND, Parameters, token_rename)
