"""`certificate_cards`: every certificate as a person is shown it: whose, in which role, until when, what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.signing.cards import card
from agent.signing.filters import Filter
from agent.signing.fitting import candidates
from agent.texts.errors import error_text

_PATIENCE = 5.0  # seconds; a module that hangs is named, and the others are shown


async def certificate_cards(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    listing = await services.tokens.listing_soon(_PATIENCE)
    sites: dict[str, list[str]] = {}
    for origin, site in services.origins.all().items():
        sites.setdefault(site.certificate, []).append(origin)
    return {
        "cards": [
            {**card(one), "sites": sites.get(one.entry.thumbprint, [])}
            for one in candidates(listing, Filter(), services.now())
        ],
        "tokens": [token_wire.token(state) for state in listing.tokens],
        "faults": [
            {**msgspec.structs.asdict(fault), "text": error_text(fault.error, services.language, fault.facts)}
            for fault in listing.faults
        ],
    }


METHOD = Method("certificate_cards", COMMAND, Nothing, certificate_cards)
