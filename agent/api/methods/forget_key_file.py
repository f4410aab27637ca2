"""`forget_key_file`: Pero's own copy of a key file is deleted; the file that it came from is not touched."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import CertificateUnknown, TokenAbsent
from agent.signing.intention import intention


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    thumbprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


async def forget_key_file(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises CertificateUnknown where no key file has this certificate."""
    certificate = parameters.thumbprint
    with intention(services.journal, "forget_key_file", {"certificate": certificate}, certificate=certificate) as begun:
        try:
            await services.tokens.forget_key_file(certificate)
        except TokenAbsent as error:
            raise CertificateUnknown(thumbprint=certificate) from error
        begun.ended("forgotten", certificate=certificate)
    return {"forgotten": True}


METHOD = Method("forget_key_file", COMMAND, Parameters, forget_key_file)
