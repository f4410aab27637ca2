"""`token_delete`: objects of a token are deleted for good, or, with `preview`, only what would be lost is told."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    objects: Annotated[
        tuple[token_wire.ObjectParameter, ...], msgspec.Meta(min_length=1, max_length=token_wire.MAX_OBJECTS)
    ]
    preview: bool = False


async def token_delete(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """`losses`: what goes, in words of the person's language; their kinds are certificate, key, data, and keyless (a
    certificate that stays and will sign nothing more)."""
    token = await token_wire.find(services, parameters.token)
    names = [one.name() for one in parameters.objects]
    losses = await services.managing.losses(token, names, services.language)
    if not parameters.preview:
        await services.managing.delete(token, names, caller.prompter, services.language)
    rows = [{"kind": key.removeprefix("token_loss."), "name": name} for key, name in losses]
    return {"deleted": not parameters.preview, "losses": rows}


METHOD = Method("token_delete", COMMAND, Parameters, token_delete)
