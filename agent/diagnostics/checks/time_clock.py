"""Does the clock of this machine tell the true time, and if not, what is the matter with it? Never trusts one source
against others. (R23, rows 69 and 70)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.diagnostics.base import Check, Finding, Status
from agent.diagnostics.probe import Probe
from agent.diagnostics.true_time import agreed, votes
from agent.errors import Fact

WARNING = 60  # seconds
ERROR = 300  # seconds
BUILT = datetime(2026, 1, 1, tzinfo=UTC)  # this program is younger: a clock that says less has lost its time
ZONES = timedelta(hours=14).total_seconds()  # no two zones are further apart than 26 hours, and few than 14
HALF_HOUR = 1800  # seconds: zones differ by that, and a few by half of it


async def examine(probe: Probe) -> list[Finding]:
    sources = await probe.clock.sources()
    told: dict[str, Fact] = {"sources": len(sources), "names": ", ".join(sorted(source.name for source in sources))}
    if probe.now() < BUILT:
        return [Finding("time.clock", "lost", "error", {**told, "date": f"{probe.now():%Y-%m-%d}"})]
    if not sources:
        settings = probe.settings()
        asked = settings.clock_hosts or settings.clock_pages or settings.timestamp_authorities
        return [Finding("time.clock", "no_source" if asked else "nobody_asked", "unknown")]
    offsets = votes(sources)
    if len(offsets) == 1:
        return [Finding("time.clock", "one_source", "unknown", {**told, "seconds": round(abs(offsets[0]))})]
    offset = agreed(offsets)
    if offset is None:
        return [Finding("time.clock", "sources_differ", "unknown", told)]
    facts: dict[str, Fact] = {"seconds": round(abs(offset)), **told}
    if abs(offset) <= WARNING:
        return [Finding("time.clock", "right", "ok", facts)]
    status: Status = "error" if abs(offset) > ERROR else "warning"
    if _is_zone(offset):
        facts["hours"] = f"{abs(offset) / 3600:.1f}".removesuffix(".0")
        return [Finding("time.clock", "zone_hours", status, facts)]
    return [Finding("time.clock", "behind" if offset > 0 else "ahead", status, facts)]


def _is_zone(offset: float) -> bool:
    """Whether somebody set the clock to another zone's time: whole half hours, to within what hands are late."""
    rest = abs(offset) % HALF_HOUR
    return HALF_HOUR - WARNING <= abs(offset) <= ZONES and min(rest, HALF_HOUR - rest) <= WARNING


CHECK = Check("time.clock", examine)
