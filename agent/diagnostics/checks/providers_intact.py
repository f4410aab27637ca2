"""Are libraries of drivers and providers as their packages brought them? (R41, row 98)

CryptoPro refuses to work with a library that was changed; a changed driver may be somebody's attack.
"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.apart import apart


async def examine(probe: Probe) -> list[Finding]:
    paths = await apart(probe.products.changed)
    findings = [Finding("providers.intact", "changed", "error", {"path": path}) for path in paths]
    return findings or [Finding("providers.intact", "intact", "ok")]


CHECK = Check("providers.intact", examine)
