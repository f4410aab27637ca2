"""Which crypto providers are on this machine, and do several stand in each other's way? (R41, row 97)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    names = probe.drivers.providers()
    if not names:
        return [Finding("providers.present", "none", "not_applicable")]
    case = "several" if len(names) > 1 else "one"
    return [Finding("providers.present", case, "warning" if len(names) > 1 else "ok", {"names": ", ".join(names)})]


CHECK = Check("providers.present", examine)
