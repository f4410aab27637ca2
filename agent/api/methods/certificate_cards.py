"""`certificate_cards`: every certificate as a person is shown it: whose, in which role, until when, what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.methods.certificate_state import revocation
from agent.api.services import Services
from agent.certificates.succession import Use, use_of
from agent.signing.cards import card
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate, candidates, iso
from agent.texts.errors import error_text

_PATIENCE = 5.0  # seconds; a module that hangs is named, and the others are shown


async def certificate_cards(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    listing = await services.tokens.listing_soon(_PATIENCE)
    sites: dict[str, list[str]] = {}
    for origin, site in services.origins.all().items():
        sites.setdefault(site.certificate, []).append(origin)
    found = candidates(listing, Filter(), services.now())
    return {
        "cards": rows(found, sites, lambda thumbprint: revocation(services, thumbprint)),
        "tokens": [token_wire.token(state) for state in listing.tokens],
        "faults": [
            {**msgspec.structs.asdict(fault), "text": error_text(fault.error, services.language, fault.facts)}
            for fault in listing.faults
        ],
    }


def rows(
    found: Sequence[Candidate], sites: Mapping[str, list[str]], state: Callable[[str], dict[str, Any]]
) -> list[dict[str, Any]]:
    """CARDs of PROTOCOL.md. `sites`: those that begin with a certificate, by its thumbprint; `state`: what was learned
    of its revocation."""
    replaced = _replaced(found)
    return [
        {
            **card(one),
            "sites": sites.get(one.entry.thumbprint, []),
            "replaced_until": replaced.get(one.entry.thumbprint, ""),
            **state(one.entry.thumbprint),
        }
        for one in found
    ]


def _replaced(found: Sequence[Candidate]) -> dict[str, str]:
    """Thumbprints of certificates in whose place a newer one stands that can be signed with, and until when it does."""
    uses = [(one, use_of(one.description)) for one in found]
    newest: dict[Use, datetime] = {}
    for one, use in uses:
        if not one.problems:
            end = one.description.not_after
            newest[use] = max(end, newest.get(use, end))
    ends = ((one, newest.get(use)) for one, use in uses)
    return {one.entry.thumbprint: iso(end) for one, end in ends if end is not None and end > one.description.not_after}


METHOD = Method("certificate_cards", COMMAND, Nothing, certificate_cards)
