"""`add_module`: a PKCS#11 module that the search does not find is added by the person, by its path."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller
from agent.api.files import open_file
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.config import load_settings, save_settings
from agent.errors import BadParameters
from agent.tokens.binaries import check
from agent.tokens.pool import ModuleState


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=4096)]  # absolute


async def add_module(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Whether it was added now (False: it stood there), and the error that loading it meets, where it meets one.

    Raises FileUnreadable, and ModuleUnloadable where the file's header says that this machine never loads it.
    """
    path = Path(parameters.path)
    if not path.is_absolute():
        raise BadParameters(detail="path is not absolute")
    open_file(path).close()
    await asyncio.to_thread(check, str(path))
    added = _add(services, path)
    fault = await _fault(services, path)
    return {"added": added, "error": fault.error if fault else None, "facts": fault.facts if fault else {}}


def _add(services: Services, path: Path) -> bool:
    settings = load_settings(services.locations.settings)
    if str(path) in settings.modules:
        return False
    services.journal.note("add_module", {"module": str(path)})
    save_settings(
        services.locations.settings, msgspec.structs.replace(settings, modules=(*settings.modules, str(path)))
    )
    return True


async def _fault(services: Services, path: Path) -> ModuleState | None:
    """What a worker says of this module, where it cannot be used; a link is known by the file it leads to."""
    states = await services.tokens.module_states()
    return next((state for state in states if state.error and _same_file(state.path, path)), None)


def _same_file(one: str, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


METHOD = Method("add_module", COMMAND, Parameters, add_module)
