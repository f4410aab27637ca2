"""Tokens, keys and other objects as messages of commands name and carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from agent.api import wire
from agent.api.services import Services
from agent.certificates.description import describe
from agent.errors import CertificateDamaged, TokenAbsent
from agent.model import TokenState
from agent.signing.fitting import iso, warnings
from agent.signing.managing import key_title
from agent.tokens.inventory import ObjectName, TokenObject

MAX_NAME = 256  # characters of a token's label, of its serial number, of an object's label
MAX_OBJECTS = 256  # of one request
Label = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2}){0,255}$")]
Digest = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]


class TokenParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token as `token_list` names it. `module` may be left out."""

    label: Label
    serial: Label
    module: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class ObjectParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object as `token_objects` names it."""

    kind: Literal["certificate", "key", "data"]
    id: Hex = ""
    thumbprint: Digest = ""

    def name(self) -> ObjectName:
        return ObjectName(self.kind, self.id, self.thumbprint)


class OnToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a method that needs no more than a token."""

    token: TokenParameter


async def find(services: Services, wanted: TokenParameter) -> TokenState:
    """Raises TokenAbsent."""
    for token in (await services.tokens.listing()).tokens:
        if (token.label, token.serial) == (wanted.label, wanted.serial) and wanted.module in ("", token.module):
            return token
    raise TokenAbsent(token=wanted.label, module=wanted.module)


def token(state: TokenState) -> dict[str, Any]:
    return {**msgspec.structs.asdict(state), "warnings": list(warnings(state))}


def objects(found: Sequence[TokenObject]) -> list[dict[str, Any]]:
    return [token_object(one) for one in found]


def token_object(one: TokenObject) -> dict[str, Any]:
    """`certificate` (as CERT of PROTOCOL.md) only of what is one and can be read."""
    value: dict[str, Any] = {
        **msgspec.structs.asdict(one.name),
        "label": one.label,
        "key": key_title(one.key_type, one.parameters) if one.key_type else "",
        "private": one.private,
        "has_key": one.has_key,
        "sensitive": one.sensitive,
        "extractable": one.extractable,
        "authority": one.authority,
        "application": one.application,
        "certificates": list(one.certificates),
    }
    if one.der:
        try:
            found = describe(one.der)
        except CertificateDamaged:
            return value | {"der": wire.encoded(one.der)}
        value |= {
            "key": found.key,
            "owner": found.owner,
            "issuer": found.issuer,
            "not_before": iso(found.not_before),
            "not_after": iso(found.not_after),
            "der": wire.encoded(one.der),
        }
    return value
