"""`certificate_state`: who vouches for a certificate as far as this computer knows, and whether it was revoked.

Nobody is asked over the network unless `ask` is said.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.certificates.description import Description, describe
from agent.errors import CertificateRevoked, CertificateUnknown
from agent.model import Listing
from agent.signing.fitting import iso
from agent.signing.levels import names_revocation
from agent.trust.states import State

_PATIENCE = 5.0  # seconds, for modules that hang


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    ask: bool = False


async def certificate_state(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises CertificateUnknown; with `ask` RevocationUnavailable, RevocationUnaddressed, IssuerUnavailable."""
    listing = await services.tokens.listing_soon(_PATIENCE)
    entry = next((one for one in listing.certificates if one.thumbprint == parameters.certificate), None)
    if entry is None:
        raise CertificateUnknown(thumbprint=parameters.certificate)
    known = _known(listing)
    if parameters.ask:
        with contextlib.suppress(CertificateRevoked):  # which one it was is remembered
            await services.ask_state(entry.der, known)
    return await asyncio.to_thread(_state, services, describe(entry.der), known)


def _known(listing: Listing) -> tuple[bytes, ...]:
    """DER of every certificate that lies at hand."""
    found = (one for entry in listing.certificates for one in (entry.der, *entry.chain))
    return tuple(dict.fromkeys((*found, *listing.issuers)))


def _state(services: Services, certificate: Description, known: Sequence[bytes]) -> dict[str, Any]:
    from agent.trust.authorities import Authorities
    from agent.trust.roots import system_roots
    from agent.trust.standing import standing

    roots = (
        *system_roots(services.environment),
        *(one.der for one in Authorities(services.locations.authorities).all()),
    )
    found = standing(certificate, known, roots, services.now())
    states = [revocation(services, one.thumbprint) for one in found.path]
    revoked = (one.owner for one, state in zip(found.path, states, strict=True) if state["revocation"] == "revoked")
    return {
        "path": [one.owner for one in found.path],
        "problem": found.problem,
        "can_ask": names_revocation(certificate),
        **states[0],
        "revoked_above": "" if states[0]["revocation"] == "revoked" else next(revoked, ""),
    }


def revocation(services: Services, thumbprint: str) -> dict[str, Any]:
    return told(services.states.of(thumbprint) if services.states else None)


def told(known: State | None) -> dict[str, Any]:
    """What was last learned: `revocation` is "good", "revoked" or "" (nobody was asked)."""
    return {
        "revocation": known.state if known else "",
        "checked": iso(known.checked) if known else "",
        "revoked_at": iso(known.revoked_at) if known and known.revoked_at else "",
        "reason": known.reason if known else "",
    }


METHOD = Method("certificate_state", COMMAND, Parameters, certificate_state)
