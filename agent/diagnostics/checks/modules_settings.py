"""Do OpenSC's settings hide a reader, or lock others out while somebody is logged in? (R22, rows 17 and 31)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    settings = probe.drivers.opensc()
    if settings is None:
        return [Finding("modules.settings", "none", "not_applicable")]
    findings = []
    if settings.locks_login:
        findings.append(Finding("modules.settings", "locks_login", "warning", {"path": settings.path}))
    for reader in (await probe.cards.view()).readers:
        if any(part in reader.name for part in settings.ignored):
            facts = {"path": settings.path, "reader": reader.name}
            findings.append(Finding("modules.settings", "reader_ignored", "warning", facts))
    return findings or [Finding("modules.settings", "in_order", "ok")]


CHECK = Check("modules.settings", examine)
