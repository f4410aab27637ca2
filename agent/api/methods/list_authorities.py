"""`list_authorities`: whom the person trusts where signatures are verified."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.certificates.description import Description
from agent.signing.fitting import iso
from agent.trust.authorities import Authorities


async def list_authorities(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    found = await asyncio.to_thread(Authorities(services.locations.authorities).all)
    return {"authorities": [_row(one) for one in found]}


def _row(authority: Description) -> dict[str, Any]:
    return {
        "thumbprint": authority.thumbprint,
        "owner": authority.owner,
        "issuer": authority.issuer,
        "not_before": iso(authority.not_before),
        "not_after": iso(authority.not_after),
    }


METHOD = Method("list_authorities", COMMAND, Nothing, list_authorities)
