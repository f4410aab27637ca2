"""`token_objects`: the keys, certificates and data on a token; with `login` those too that only the PIN shows."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    login: bool = False


async def token_objects(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    if parameters.login:
        found = await services.managing.objects(token, caller.prompter, services.language)
    else:
        found = await services.managing.look(token)
    return {
        "token": token_wire.token(found.token),
        "objects": token_wire.objects(found.objects),
        "complete": found.complete,
        "free_memory": found.free_memory,
    }


METHOD = Method("token_objects", COMMAND, Parameters, token_objects)
