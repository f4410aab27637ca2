"""Do the places of this system agree about its time zone? (R23)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    zone = probe.clock.zone()
    if zone.other:
        facts = {"name": zone.name, "other": zone.other, "place": zone.place}
        return [Finding("time.zone", "differs", "warning", facts)]
    if not zone.name:
        return [Finding("time.zone", "not_told", "not_applicable")]
    return [Finding("time.zone", "known", "ok", {"name": zone.name})]


CHECK = Check("time.zone", examine)
