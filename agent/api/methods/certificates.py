"""`certificates`: everything that could be signed with, for commands of this user."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from agent.algorithms import digest_named
from agent.api import wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.model import TokenState
from agent.signing.filters import Filter
from agent.signing.fitting import OTHER_DIGEST, Candidate, candidates, left_out, signing_with, warnings
from agent.texts.errors import error_text

_PATIENCE = 5.0  # seconds; a module that hangs is named, and the others are shown


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filter: Filter = Filter()
    digest_algorithm: str | None = None
    padding: Literal["pkcs1", "pss"] = "pkcs1"


async def certificates(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """What does not fit is listed too, with its `misfits`: this is for the person, and for no page."""
    listing = await services.tokens.listing_soon(_PATIENCE)
    digests = (digest_named(parameters.digest_algorithm),) if parameters.digest_algorithm is not None else ()
    fitting = candidates(listing, parameters.filter, services.now())
    able = signing_with(fitting, digests, parameters.padding)
    rows = [_row(one, () if one in able else (OTHER_DIGEST,)) for one in fitting]
    for one in left_out(listing, parameters.filter, services.now()):
        misfits = parameters.filter.misfits(one.description, services.now())
        rows.append(_row(msgspec.structs.replace(one, problems=one.problems[len(misfits) :]), misfits))
    return {
        "certificates": rows,
        "tokens": [token(state) for state in listing.tokens],
        "faults": [
            {**msgspec.structs.asdict(fault), "text": error_text(fault.error, services.language, fault.facts)}
            for fault in listing.faults
        ],
    }


def _row(candidate: Candidate, misfits: tuple[str, ...]) -> dict[str, Any]:
    return {
        **wire.certificate(candidate.description, candidate.entry.chain),
        "owner": candidate.description.owner,
        "token": token(candidate.entry.token),
        "has_key": candidate.entry.has_key,
        "problems": list(candidate.problems),
        "misfits": list(misfits),
        "warnings": list(warnings(candidate.entry.token)),
    }


def token(state: TokenState) -> dict[str, Any]:
    return {**msgspec.structs.asdict(state), "warnings": list(warnings(state))}


METHOD = Method("certificates", COMMAND, Parameters, certificates)
