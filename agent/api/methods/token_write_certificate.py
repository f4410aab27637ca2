"""`token_write_certificate`: a certificate that was issued is put beside its key."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import token_wire
from agent.api.caller import Caller
from agent.api.certificate_files import MAX_CHAIN
from agent.api.messages import binary
from agent.api.method import COMMAND, Method
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    certificate: str  # base64 of the DER
    label: token_wire.Label = ""
    authority: bool = False  # one of the chain, which needs no key
    chain: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_CHAIN)] = ()  # base64 of DER; for a key file


async def token_write_certificate(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    der = binary(parameters.certificate, "certificate")
    chain = tuple(binary(one, "chain") for one in parameters.chain)
    token = await token_wire.find(services, parameters.token)
    made = await services.managing.write_certificate(
        token, der, parameters.label, parameters.authority, caller.prompter, services.language, chain
    )
    return {"object": token_wire.token_object(made)}


METHOD = Method("token_write_certificate", COMMAND, Parameters, token_write_certificate)
