"""`add_module`: a PKCS#11 module that the search does not find is added by the person, by its path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.files import open_file
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.config import load_settings, save_settings
from agent.errors import BadParameters


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute


async def add_module(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Whether it was added now (False: it stood there). Loading is left to the worker. Raises FileUnreadable."""
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    open_file(path).close()
    settings = load_settings(services.locations.settings)
    if str(path) in settings.modules:
        return {"added": False}
    services.journal.note("add_module", {"module": str(path)})
    save_settings(
        services.locations.settings, msgspec.structs.replace(settings, modules=(*settings.modules, str(path)))
    )
    return {"added": True}


METHOD = Method("add_module", COMMAND, Parameters, add_module)
