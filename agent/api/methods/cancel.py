"""`cancel`: a caller takes back one of its own requests."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api.caller import Caller, Role
from agent.api.messages import Identifier
from agent.api.method import Method
from agent.api.services import Services
from agent.errors import Cancelled


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Identifier


async def cancel(_services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Whether there was such a request in flight; that request is then answered with `cancelled`."""
    pending = caller.pending.get(parameters.id)
    if pending is None:
        return {"cancelled": False}
    pending.withdraw(Cancelled())
    return {"cancelled": True}


# An origin may take back its own `connect`, so this is open before consent; it tells nothing but of the caller's own.
METHOD = Method("cancel", frozenset({Role.PAGE, Role.COMMAND}), Parameters, cancel, before_consent=True)
