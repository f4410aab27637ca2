"""Which crypto providers are on this machine, and do several stand in each other's way? (R41, row 97)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    names = [f"{one.product.name} {one.version}".strip() for one in probe.products.installed("provider")]
    if not names:
        return [Finding("providers.present", "none", "not_applicable")]
    if len(names) > 1:
        return [Finding("providers.present", "several", "warning", {"names": ", ".join(names)})]
    return [Finding("providers.present", "one", "ok", {"names": names[0]})]


CHECK = Check("providers.present", examine)
