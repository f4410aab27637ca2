"""Were CryptoPro's keys put there for another user of this computer? (R27, row 91)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    if probe.products.strangers_keys(probe.system.user()):
        return [Finding("providers.user", "others_keys", "warning")]
    return [Finding("providers.user", "none", "not_applicable")]


CHECK = Check("providers.user", examine)
