"""Which PKCS#11 modules are known, and can each be loaded? (R22)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    modules = (await probe.call("list_modules", {}))["modules"]
    return [_of_module(module) for module in modules] or [Finding("modules", "none", "warning")]


def _of_module(module: dict[str, Any]) -> Finding:
    facts = {"name": module["name"], "path": module["path"]}
    if not module["error"]:
        return Finding("modules", "loadable", "ok", facts)
    level: Any = "error" if module["source"] == "added" else "warning"
    return Finding("modules", "unloadable", level, {**module["facts"], **facts, "error": module["error"]})


CHECK = Check("modules", examine)
