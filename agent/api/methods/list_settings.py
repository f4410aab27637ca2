"""`list_settings`: every setting with its value in force, and which of them the administrator decided."""

from __future__ import annotations

from typing import Any

from agent.api import settings, starting
from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.config import load_settings


async def list_settings(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    """Raises SettingsDamaged."""
    rows = settings.listed(load_settings(services.locations.settings), services.policy, services.rights)
    if starting.supported():
        locked = settings.lock(settings.AUTOSTART, services.policy, services.rights)
        starts = starting.is_set(services.environment)
        rows.insert(1, settings.Setting(settings.AUTOSTART, "switch", starts, False, locked))
    return {"settings": [row._asdict() for row in rows], "rights": sorted(services.rights)}


METHOD = Method("list_settings", COMMAND, Nothing, list_settings)
