"""Is the agent's icon seen on this desktop? (R45)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    where = str((await probe.status()).get("icon") or "")
    if where in ("bus", "display"):
        return [Finding("agent.icon", "seen", "ok")]
    if where == "nowhere":  # of those who show icons: GNOME alone shows none
        return [Finding("agent.icon", "nowhere", "warning")]
    return [Finding("agent.icon", "no_desktop", "ok")]


CHECK = Check("agent.icon", examine, requires=("agent.running",))
