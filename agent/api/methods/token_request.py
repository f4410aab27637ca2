"""`token_request`: a PKCS#10 request for a certificate (RFC 2986), signed by a key of the token."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import token_wire, wire
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.certificates.request import RequestedExtensions, Subject

_Names = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=256)], ...], msgspec.Meta(max_length=32)]


class SubjectParameter(Subject, frozen=True, forbid_unknown_fields=True):
    """The fields of Subject; each is judged by its own rules."""


class ExtensionsParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_usage: _Names = RequestedExtensions().key_usage
    extended_key_usage: _Names = ()
    policies: _Names = ()
    sign_tool: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: token_wire.TokenParameter
    key: token_wire.ObjectParameter
    subject: SubjectParameter
    extensions: ExtensionsParameter = ExtensionsParameter()


async def token_request(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    token = await token_wire.find(services, parameters.token)
    made = await services.managing.request(
        token,
        parameters.key.name(),
        Subject(**msgspec.structs.asdict(parameters.subject)),
        RequestedExtensions(**msgspec.structs.asdict(parameters.extensions)),
        caller.prompter,
        services.language,
    )
    return {"request": wire.encoded(made)}


METHOD = Method("token_request", COMMAND, Parameters, token_request)
