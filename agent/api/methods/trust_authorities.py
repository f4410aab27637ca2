"""`trust_authorities`: from now on signatures are verified by these certificates too, until each is taken back."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import BadRequest
from agent.trust.authorities import MAX_FILE, Authorities


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as it is: certificates in PEM, or one in DER; in base64."""

    content: Annotated[str, msgspec.Meta(max_length=(MAX_FILE + 2) // 3 * 4)]


async def trust_authorities(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises CertificateDamaged, FileUnwritable; none of them is trusted then that was not before."""
    try:
        content = base64.b64decode(parameters.content, validate=True)
    except binascii.Error as error:
        raise BadRequest(detail="content is no base64") from error
    authorities = Authorities(services.locations.authorities)
    read = await asyncio.to_thread(authorities.read, content)
    known = {one.thumbprint for one in authorities.all()}
    added: list[str] = []
    try:
        for one in read:
            if one.thumbprint not in known:
                services.journal.note("trust_authority", {"certificate": one.thumbprint})
                authorities.add(one)
                added.append(one.thumbprint)
    except BaseException:
        for thumbprint in added:
            authorities.remove(thumbprint)
        raise
    return {"added": added, "known": [one.thumbprint for one in read if one.thumbprint in known]}


METHOD = Method("trust_authorities", COMMAND, Parameters, trust_authorities)
