"""What does a wrong clock do to each certificate? "Not yet valid until…" is often the clock's fault. (R23, row 69)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks.time_clock import WARNING
from agent.diagnostics.probe import Probe
from agent.diagnostics.true_time import agreed, votes


async def examine(probe: Probe) -> list[Finding]:
    offset = agreed(votes(await probe.clock.sources()))
    if offset is None or abs(offset) <= WARNING:
        return [Finding("time.effect", "clock_right", "not_applicable")]
    here, truly = probe.now(), probe.now() + timedelta(seconds=offset)
    findings = []
    for row in (await probe.listing())["certificates"]:
        begins, ends = (datetime.fromisoformat(row[name]).astimezone(UTC) for name in ("not_before", "not_after"))
        facts = {"owner": row["owner"], "thumbprint": row["thumbprint"],
                 "begin": f"{begins:%Y-%m-%d %H:%M}", "end": f"{ends:%Y-%m-%d %H:%M}"}  # fmt: skip
        good_here, good_truly = (begins <= moment <= ends for moment in (here, truly))
        if good_here == good_truly:
            continue
        if good_here:
            findings.append(Finding("time.effect", "seems_valid", "error", facts))
        elif here < begins:
            findings.append(Finding("time.effect", "seems_not_yet_valid", "error", facts))
        else:
            findings.append(Finding("time.effect", "seems_expired", "error", facts))
    return findings or [Finding("time.effect", "none", "ok", {"seconds": round(abs(offset))})]


CHECK = Check("time.effect", examine, requires=("tokens.seen",))
