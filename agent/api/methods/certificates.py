"""`certificates`: everything that could be signed with, for commands of this user."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.model import TokenState
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate, candidates, warnings
from agent.texts.errors import error_text


async def certificates(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    listing = await services.tokens.listing()
    found = candidates(listing, Filter(), services.now())
    return {
        "certificates": [_row(candidate) for candidate in found],
        "tokens": [token(state) for state in listing.tokens],
        "faults": [
            {**msgspec.structs.asdict(fault), "text": error_text(fault.error, services.language, fault.facts)}
            for fault in listing.faults
        ],
    }


def _row(candidate: Candidate) -> dict[str, Any]:
    return {
        **wire.certificate(candidate.description, candidate.entry.chain),
        "owner": candidate.description.owner,
        "token": token(candidate.entry.token),
        "has_key": candidate.entry.has_key,
        "problems": list(candidate.problems),
        "warnings": list(warnings(candidate.entry.token)),
    }


def token(state: TokenState) -> dict[str, Any]:
    return {**msgspec.structs.asdict(state), "warnings": list(warnings(state))}


METHOD = Method("certificates", COMMAND, Nothing, certificates)
