"""Does the clock that runs on the battery keep its time while the machine is off? (R23, row 69)"""

from __future__ import annotations

from datetime import timedelta

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks.time_clock import BUILT, HALF_HOUR
from agent.diagnostics.probe import Probe
from agent.errors import Fact

DIFFERS = 120  # seconds
HOUR = 3600  # seconds


async def examine(probe: Probe) -> list[Finding]:
    offset = probe.clock.battery()
    if offset is None:
        return [Finding("time.battery", "none", "not_applicable")]
    shown = probe.now() + timedelta(seconds=offset)
    facts: dict[str, Fact] = {"seconds": round(abs(offset)), "date": f"{shown:%Y-%m-%d}"}
    if shown < BUILT:
        return [Finding("time.battery", "dead", "error", facts)]
    if abs(offset) <= DIFFERS:
        return [Finding("time.battery", "keeps", "ok", facts)]
    rest = abs(offset) % HALF_HOUR
    if abs(offset) >= HALF_HOUR - DIFFERS and min(rest, HALF_HOUR - rest) <= DIFFERS:
        facts["hours"] = f"{abs(offset) / HOUR:.1f}".removesuffix(".0")
        return [Finding("time.battery", "local_time", "warning", facts)]
    return [Finding("time.battery", "differs", "warning", facts)]


CHECK = Check("time.battery", examine)
