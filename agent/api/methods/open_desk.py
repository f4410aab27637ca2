"""`open_desk`: Pero's own window comes up, or to the front, with one of its pages."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services

MAX_FILES = 1000


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    page: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")] = "certificates"
    files: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_FILES)] = ()  # absolute paths, for sign and verify


async def open_desk(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises WindowUnavailable, and NotRunning where these are the objects of one command and no agent."""
    await services.open_desk(parameters.page, parameters.files)
    return {"opened": True}


METHOD = Method("open_desk", COMMAND, Parameters, open_desk)
