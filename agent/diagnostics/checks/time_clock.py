"""Does the clock of this machine tell the true time? Never trusts one source against others. (R23, row 69)"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

WARNING = 60  # seconds
ERROR = 300  # seconds
AGREE = 5.0  # seconds within which sources tell the same time


async def examine(probe: Probe) -> list[Finding]:
    offsets = await probe.clock_offsets()
    if not offsets:
        return [Finding("time.clock", "no_source", "unknown")]
    offset = agreed(offsets)
    if offset is None:
        return [Finding("time.clock", "sources_differ", "unknown", {"sources": len(offsets)})]
    seconds = round(abs(offset))
    facts = {"seconds": seconds, "sources": len(offsets)}
    if abs(offset) <= WARNING:
        return [Finding("time.clock", "right", "ok", facts)]
    case = "behind" if offset > 0 else "ahead"
    return [Finding("time.clock", case, "error" if abs(offset) > ERROR else "warning", facts)]


def agreed(offsets: Sequence[float]) -> float | None:
    """What more than half of the sources say, to within AGREE; None where no such majority is. One lie is outvoted
    by two that agree; of two that differ neither is believed."""
    middle = statistics.median_low(offsets)
    near = [offset for offset in offsets if abs(offset - middle) <= AGREE]
    return statistics.median(near) if len(near) * 2 > len(offsets) else None


CHECK = Check("time.clock", examine)
