"""`try_signature`: a small text is signed with a certificate, and the signature verified; nothing leaves (R6)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.model import Document
from agent.signing.fitting import iso
from agent.signing.request import SignRequest
from agent.texts.catalogue import text


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


async def try_signature(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """`right`: the signature is. `reasons`: as of `pero verify`; what is not known of the certificate is there too.
    Raises whatever signing raises."""
    from agent.verification.procedure import verify
    from agent.verification.report import Status

    now = services.now()
    words = text("test_signature.text", services.language, moment=iso(now))
    document = Document(text("test_signature.name", services.language), f"{words}\n".encode(), "text/plain")
    request = SignRequest(
        origin="",
        document=document,
        attached=True,
        certificate=parameters.certificate,
        language=services.language,
    )
    made = await services.signing.sign(request, caller.prompter)
    report = await asyncio.to_thread(verify, made.signature, document.content, None, services.now())
    return {
        "right": report.status is not Status.INVALID,
        "reasons": list(report.reasons),
        "owner": made.candidate.description.owner,
        "token": made.candidate.entry.token.label,
    }


METHOD = Method("try_signature", COMMAND, Parameters, try_signature)
