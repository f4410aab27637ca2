"""`token_list`: the tokens and key files of this machine, with what each says of its PIN."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.texts.errors import error_text


async def token_list(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    listing = await services.tokens.listing()
    return {
        "tokens": [token_wire.token(state) for state in listing.tokens],
        "faults": [
            {**msgspec.structs.asdict(fault), "text": error_text(fault.error, services.language, fault.facts)}
            for fault in listing.faults
        ],
    }


METHOD = Method("token_list", COMMAND, Nothing, token_list)
