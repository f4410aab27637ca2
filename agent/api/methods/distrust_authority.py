"""`distrust_authority`: a certificate that vouches for no signer any more."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.trust.authorities import Authorities


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


async def distrust_authority(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises FileUnwritable."""
    removed = Authorities(services.locations.authorities).remove(parameters.certificate)
    if removed:
        services.journal.note("distrust_authority", {"certificate": parameters.certificate})
    return {"removed": removed}


METHOD = Method("distrust_authority", COMMAND, Parameters, distrust_authority)
