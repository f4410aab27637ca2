"""Does the clock of this machine tell the true time? A wrong clock makes good certificates look bad. (R23)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

WARNING = 60  # seconds
ERROR = 300  # seconds


async def examine(probe: Probe) -> list[Finding]:
    offset = await probe.clock_offset()
    if offset is None:
        return [Finding("time.clock", "no_source", "unknown")]
    seconds = round(abs(offset))
    if abs(offset) <= WARNING:
        return [Finding("time.clock", "right", "ok", {"seconds": seconds})]
    case = "behind" if offset > 0 else "ahead"
    return [Finding("time.clock", case, "error" if abs(offset) > ERROR else "warning", {"seconds": seconds})]


CHECK = Check("time.clock", examine)
