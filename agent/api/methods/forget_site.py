"""`forget_site`: a site must ask anew."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.consent.origins import MAX_ORIGIN


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: Annotated[str, msgspec.Meta(max_length=MAX_ORIGIN)]


async def forget_site(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    if parameters.origin not in services.origins.all():
        return {"forgotten": False}
    services.journal.note("forget_site", {"origin": parameters.origin})
    return {"forgotten": services.origins.forget(parameters.origin)}


METHOD = Method("forget_site", COMMAND, Parameters, forget_site)
