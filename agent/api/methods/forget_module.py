"""`forget_module`: a module that the person added is taken back; its file is not touched."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.config import load_settings, save_settings


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # as it was added


async def forget_module(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Whether it was among those added. One that the search finds too stays listed, as found."""
    settings = load_settings(services.locations.settings)
    if parameters.path not in settings.modules:
        return {"forgotten": False}
    services.journal.note("forget_module", {"module": parameters.path})
    left = tuple(path for path in settings.modules if path != parameters.path)
    save_settings(services.locations.settings, msgspec.structs.replace(settings, modules=left))
    return {"forgotten": True}


METHOD = Method("forget_module", COMMAND, Parameters, forget_module)
