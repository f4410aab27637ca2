"""Can Pero keep anything: is there room, and may it write? Without its journal nothing is signed. (R37)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    path, state = probe.room()
    facts = {"path": str(path)}
    if state == "full":
        return [Finding("agent.disk", "full", "error", facts)]
    if state == "read_only":
        return [Finding("agent.disk", "read_only", "error", facts)]
    if state == "forbidden":
        return [Finding("agent.disk", "forbidden", "error", facts)]
    return [Finding("agent.disk", "room", "ok")]


CHECK = Check("agent.disk", examine)
