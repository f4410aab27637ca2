"""Which crypto providers are on this machine, and do several stand in each other's way? (R41, row 97)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.apart import apart


async def examine(probe: Probe) -> list[Finding]:
    installed = await apart(probe.products.installed, "provider")
    if not installed:
        return [Finding("providers.present", "none", "not_applicable")]
    findings = [Finding("providers.present", "one", "ok", one.facts) for one in installed]
    if len(installed) > 1:
        names = ", ".join(one.product.name for one in installed)
        findings.append(Finding("providers.present", "several", "warning", {"names": names}))
    return findings


CHECK = Check("providers.present", examine)
