"""`change_setting`: one setting gets another value, or Pero's own again (null). It holds at once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.api import settings, starting
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method
from agent.api.services import Services
from agent.errors import SettingInvalid


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=100)]
    value: Any = None


async def change_setting(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """The journal names the setting, not its value. Modules are changed by `add_module`, which looks at them first.

    Raises SettingLocked, SettingInvalid, SettingsDamaged, FileUnwritable.
    """
    name, value = parameters.name, parameters.value
    if name == settings.AUTOSTART:
        return _starts(services, bool(value))
    settings.check_lock(name, services.policy, services.rights)
    if name == "modules" and value:
        raise SettingInvalid(setting=name, detail="add_module, forget_module")
    anew = settings.changed(services.locations.settings, name, value)
    services.journal.note("change_setting", {"setting": name})
    settings.keep(services.locations.settings, anew)
    services.applied(anew)
    return {"changed": name}


def _starts(services: Services, wanted: bool) -> dict[str, Any]:
    settings.check_lock(settings.AUTOSTART, services.policy, services.rights)
    if not starting.supported():
        raise SettingInvalid(setting=settings.AUTOSTART, detail="unsupported system")
    services.journal.note("change_setting", {"setting": settings.AUTOSTART})
    if wanted:
        starting.write(services.environment)
    else:
        starting.remove(services.environment)
    return {"changed": settings.AUTOSTART}


METHOD = Method("change_setting", COMMAND, Parameters, change_setting)
