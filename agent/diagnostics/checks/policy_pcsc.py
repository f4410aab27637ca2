"""Do rules of the system let this person use readers and cards? (R27, rows 14 and 22)

Whoever is refused by the service itself is told so by pcsc.service. Here: cards alone, and what root does not see.
"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks.pcsc_service import remote_sign
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    if "card_refused" in await probe.journal.service():
        return [Finding("policy.pcsc", "card_refused", "error")]
    if probe.policies.user() == 0:
        return [Finding("policy.pcsc", "as_root", "unknown")]
    if remote_sign(probe):
        return [Finding("policy.pcsc", "admitted_remote", "ok")]
    return [Finding("policy.pcsc", "admitted", "ok")]


CHECK = Check("policy.pcsc", examine, requires=("pcsc.service",))
