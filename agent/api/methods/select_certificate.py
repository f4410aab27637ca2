"""`select_certificate`: the person shows the site one certificate."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import PAGE, Method
from agent.api.services import Services
from agent.certificates.chain import chain_for
from agent.signing.filters import Filter


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filter: Filter = Filter()


async def select_certificate(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    chosen = await services.signing.choose(caller.origin, parameters.filter, caller.prompter, services.language)
    chain = chain_for(chosen.description.der, chosen.entry.chain)
    return {"certificate": wire.certificate(chosen.description, chain)}


METHOD = Method("select_certificate", PAGE, Parameters, select_certificate, leads_to_person=True)
