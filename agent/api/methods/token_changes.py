"""`token_changes`: wait until the tokens are others than those that the caller knows."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.model import TokenState

MAX_KNOWN = 256  # tokens


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: Annotated[tuple[token_wire.TokenParameter, ...], msgspec.Meta(max_length=MAX_KNOWN)]


async def token_changes(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Waits without end; the caller goes away, or takes it back with `cancel`."""
    known = {(token.label, token.serial, token.module) for token in parameters.known}
    async with services.tokens.changes() as changes:
        while True:
            tokens = (await services.tokens.listing()).tokens
            if {_name(token) for token in tokens} != known:
                return {"tokens": [token_wire.token(state) for state in tokens]}
            await anext(changes)


def _name(token: TokenState) -> tuple[str, str, str]:
    return token.label, token.serial, token.module


METHOD = Method("token_changes", COMMAND, Parameters, token_changes)
