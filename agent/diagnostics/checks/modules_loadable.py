"""Which PKCS#11 modules are known, and can each be loaded? (R22)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    modules = await probe.modules()
    return [_of_module(module) for module in modules] or [Finding("modules.loadable", "none", "warning")]


def _of_module(module: dict[str, Any]) -> Finding:
    facts = {"name": module["name"], "path": module["path"]}
    if not module["error"]:
        return Finding("modules.loadable", "loadable", "ok", facts)
    status: Any = "error" if module["source"] == "added" else "warning"
    return Finding("modules.loadable", "unloadable", status, {**module["facts"], **facts, "error": module["error"]})


CHECK = Check("modules.loadable", examine)
