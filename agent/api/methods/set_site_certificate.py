"""`set_site_certificate`: the certificate that the windows for a site begin with; it is shown all the same."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.consent.origins import MAX_ORIGIN, parse_origin


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: Annotated[str, msgspec.Meta(max_length=MAX_ORIGIN)]
    certificate: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]  # thumbprint; "": none any more


async def set_site_certificate(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """`set` is false where the person has not allowed the site. Raises OriginRefused, FileUnwritable."""
    origin, certificate = parse_origin(parameters.origin), parameters.certificate
    done = services.origins.set_certificate(origin, certificate)
    if done:
        services.journal.note("site_certificate", {"origin": origin, "certificate": certificate})
    return {"set": done}


METHOD = Method("set_site_certificate", COMMAND, Parameters, set_site_certificate)
