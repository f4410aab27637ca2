"""`token_generate_key`: a new key pair on a token, which cannot leave it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadParameters
from agent.tokens.inventory import PARAMETERS, KeySpec


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    type: Literal["rsa", "ec", "gost256", "gost512"]
    parameters: str = ""  # a row of PARAMETERS; empty: the first of the type's
    label: token_wire.Label = ""
    id: token_wire.Hex = ""  # CKA_ID; empty: made of the public key


async def token_generate_key(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    chosen = parameters.parameters or PARAMETERS[parameters.type][0]
    if chosen not in PARAMETERS[parameters.type]:
        raise BadParameters(detail="parameters do not fit the type of key")
    token = await token_wire.find(services, parameters.token)
    spec = KeySpec(parameters.type, chosen, parameters.label, parameters.id)
    made = await services.managing.generate(token, spec, caller.prompter, services.language)
    return {"object": token_wire.token_object(made)}


METHOD = Method("token_generate_key", COMMAND, Parameters, token_generate_key)
