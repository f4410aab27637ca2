"""Does Pero run where it may not see all of the system: a sandbox, a container, an AppArmor profile? (R27, row 23)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    sandbox, profile = probe.system.sandbox(), probe.policies.profile()
    if sandbox in ("flatpak", "snap"):  # modules of the system are not in it
        return [Finding("policy.confinement", "sandbox", "warning", {"sandbox": sandbox})]
    if profile:
        return [Finding("policy.confinement", "profile", "warning", {"profile": profile})]
    if sandbox:
        return [Finding("policy.confinement", "container", "ok", {"sandbox": sandbox})]
    return [Finding("policy.confinement", "none", "ok")]


CHECK = Check("policy.confinement", examine)
