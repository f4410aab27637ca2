"""`report_lost`: a key may be in other hands. Signing is stopped, the journal has it, and the person gets the words to
have the certificate revoked with (R44).

The words are given whatever else fails: a full disk is no reason to leave somebody without them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.methods.pause import pause
from agent.api.services import Services
from agent.care.revoking import advice, statement
from agent.certificates.description import Description, describe
from agent.errors import CertificateDamaged, FileUnwritable, JournalUnwritable

MAX_CIRCUMSTANCES = 500  # characters
_PATIENCE = 5.0  # seconds for modules that hang


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    thumbprint: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""  # empty: it is not in the machine
    serial: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]*$", max_length=100)] = ""  # of the certificate, where known
    owner: Annotated[str, msgspec.Meta(max_length=500)] = ""  # where the certificate is not at hand
    circumstances: Annotated[str, msgspec.Meta(max_length=MAX_CIRCUMSTANCES)] = ""  # in the person's words
    language: Literal["", "ru", "en"] = ""  # of the statement, where the authority takes any; empty: the agent's


async def report_lost(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    paused = await _pause(services, caller)
    certificate = await _certificate(services, parameters.thumbprint)
    told = advice(certificate, parameters.language or services.language)
    facts = {
        "certificate": parameters.thumbprint,
        "certificate_serial": certificate.serial if certificate else parameters.serial,
        "reason": parameters.circumstances,
        "asked_by": caller.prompter.kind,
    }
    return {
        "paused": paused,
        "recorded": _recorded(services, {name: value for name, value in facts.items() if value}),
        "place": told.place,
        "sites": list(told.sites),
        "statement": statement(
            certificate, parameters.serial, parameters.owner, parameters.circumstances, services.now(), told.language
        ),
    }


async def _pause(services: Services, caller: Caller) -> bool:
    """False where it could not be kept; logins are forgotten all the same."""
    try:
        await pause(services, caller, Nothing())
    except (FileUnwritable, JournalUnwritable):
        return services.pause.active
    return True


def _recorded(services: Services, facts: dict[str, str]) -> bool:
    try:
        services.journal.note("report_lost", facts)
    except JournalUnwritable:
        return False
    return True


async def _certificate(services: Services, thumbprint: str) -> Description | None:
    if not thumbprint:
        return None
    for entry in (await services.tokens.listing_soon(_PATIENCE)).certificates:
        if entry.thumbprint == thumbprint:
            try:
                return describe(entry.der)
            except CertificateDamaged:
                return None
    return None


METHOD = Method("report_lost", COMMAND, Parameters, report_lost)
