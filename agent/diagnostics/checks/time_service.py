"""Does something set the clock of this machine from outside, so that it does not drift? (R23, row 69)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    if probe.system.sandbox() == "container":
        return [Finding("time.service", "host", "not_applicable")]
    keeper, kept = probe.clock.keeper(), probe.clock.kept()
    if keeper and kept is not False:
        return [Finding("time.service", "keeps", "ok", {"program": keeper})]
    if keeper:
        return [Finding("time.service", "not_synchronised", "warning", {"program": keeper})]
    if kept:
        return [Finding("time.service", "kept", "ok")]
    return [Finding("time.service", "none", "warning", {"install": probe.system.install("chrony")})]


CHECK = Check("time.service", examine)
