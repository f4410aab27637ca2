"""Are processes hidden from the PC/SC service, which asks who its clients are? (R27, row 15)

Where it refuses for that reason, pcsc.service says so.
"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    if probe.system.hides_processes():
        return [Finding("policy.processes", "hidden_harmless", "ok")]
    return [Finding("policy.processes", "visible", "ok")]


CHECK = Check("policy.processes", examine, requires=("pcsc.service",))
