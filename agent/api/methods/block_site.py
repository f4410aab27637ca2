"""`block_site`: a site may not ask any more, nor ask to be allowed, until it is forgotten (`forget_site`)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.consent.origins import MAX_ORIGIN, parse_origin


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: Annotated[str, msgspec.Meta(max_length=MAX_ORIGIN)]


async def block_site(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """A site that was never seen can be blocked too. Raises OriginRefused for what is no origin."""
    origin = parse_origin(parameters.origin)
    services.journal.note("block_site", {"origin": origin})
    services.origins.block(origin, services.now())
    return {"blocked": True}


METHOD = Method("block_site", COMMAND, Parameters, block_site)
