"""`list_modules`: the PKCS#11 modules that were added or found, and whether each can be loaded."""

from __future__ import annotations

from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.config import load_settings
from agent.tokens.vendors import name_of


async def list_modules(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    added = load_settings(services.locations.settings).modules
    states = await services.tokens.module_states()
    return {
        "modules": [
            {
                "path": state.path,
                "name": name_of(state.path),
                "source": "added" if state.path in added else "found",
                "error": state.error,
                "facts": state.facts,
                "tokens": len(state.tokens),
            }
            for state in states
        ]
    }


METHOD = Method("list_modules", COMMAND, Nothing, list_modules)
