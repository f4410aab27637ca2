"""Does the plug-in of Gosuslugi (IFCPlugin) find CryptoPro, and can it write its log? (R41, rows 92 and 93)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.apart import apart

_CRYPTOPRO = "CryptoPro CSP"


async def examine(probe: Probe) -> list[Finding]:
    ifc = probe.products.ifc()
    if ifc is None:
        return [Finding("providers.ifc", "none", "not_applicable")]
    findings = []
    providers = {one.product.name for one in await apart(probe.products.installed, "provider")}
    if _CRYPTOPRO in providers and not ifc.knows:
        findings.append(Finding("providers.ifc", "without_cryptopro", "warning"))
    elif _CRYPTOPRO in providers and not ifc.found:
        findings.append(Finding("providers.ifc", "module_absent", "warning"))
    if ifc.logs_closed:
        findings.append(Finding("providers.ifc", "logs_closed", "warning"))
    return findings or [Finding("providers.ifc", "in_order", "ok")]


CHECK = Check("providers.ifc", examine)
