"""Do the modules answer in reasonable time? (R22, row 38)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

SLOW = 5.0  # seconds for a listing of all tokens


async def examine(probe: Probe) -> list[Finding]:
    seconds = await probe.listing_seconds()
    facts = {"seconds": f"{seconds:.1f}"}
    if seconds > SLOW:
        return [Finding("modules.speed", "slow", "warning", facts)]
    return [Finding("modules.speed", "quick", "ok", facts)]


CHECK = Check("modules.speed", examine, requires=("tokens.seen",))
