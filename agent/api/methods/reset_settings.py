"""`reset_settings`: a settings file that cannot be read is put aside, and Pero's own settings hold."""

from __future__ import annotations

from typing import Any

from agent.api import settings
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.config import Settings, load_settings
from agent.errors import SettingsDamaged


async def reset_settings(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Nothing is done to a file that can be read. Raises FileUnwritable."""
    try:
        load_settings(services.locations.settings)
    except SettingsDamaged:
        services.journal.note("reset_settings", {})
        aside = settings.set_aside(services.locations.settings)
        services.applied(Settings())
        return {"kept": str(aside)}
    return {"kept": ""}


METHOD = Method("reset_settings", COMMAND, Nothing, reset_settings)
