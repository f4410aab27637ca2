"""`sign_in`: a site's challenge is signed as what it is, bound to the site and the time, and never as a document."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec

from agent.api import wire
from agent.api.caller import Caller
from agent.api.messages import binary
from agent.api.method import PAGE, Method
from agent.api.methods.sign import Thumbprint
from agent.api.services import Services
from agent.errors import FileUnwritable
from agent.model import Document
from agent.signing import sign_in as proof
from agent.signing.filters import Filter
from agent.signing.request import SignRequest


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nonce: Annotated[str, msgspec.Meta(max_length=4 * proof.MAX_NONCE)]  # base64
    audience: Annotated[str, msgspec.Meta(min_length=1, max_length=proof.MAX_AUDIENCE)] | None = None
    certificate: Thumbprint | None = None
    filter: Filter = Filter()
    digest_algorithm: str | None = None


async def sign_in(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    nonce = binary(parameters.nonce, "nonce")
    audience = caller.origin if parameters.audience is None else parameters.audience
    content = proof.content(caller.origin, audience, nonce, services.now())
    request = SignRequest(
        origin=caller.origin,
        document=Document("", content, proof.MEDIA_TYPE),
        attached=True,
        certificate=parameters.certificate,
        filter=parameters.filter,
        digest_algorithm=parameters.digest_algorithm,
        language=services.language,
        content_type=proof.CONTENT_TYPE,
        audience=audience,
    )
    made = await services.signing.sign(request, caller.prompter)
    with contextlib.suppress(FileUnwritable):  # a full disk takes the date of last use, not the signature
        services.origins.used(caller.origin, services.now())
    return {
        "signature": wire.encoded(made.signature),
        "content": wire.encoded(content),
        "certificate": wire.certificate(made.candidate.description, made.chain),
    }


METHOD = Method("sign_in", PAGE, Parameters, sign_in, leads_to_person=True)
