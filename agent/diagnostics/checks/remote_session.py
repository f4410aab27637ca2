"""Is this session somebody's from elsewhere, whose token is plugged in there? (R27, rows 88, 89)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    sign = probe.system.remote()
    if not sign:
        return [Finding("remote.session", "local", "ok")]
    if (await probe.cards.view()).readers:
        return [Finding("remote.session", "remote_with_readers", "ok", {"sign": sign})]
    return [Finding("remote.session", "remote", "warning", {"sign": sign})]


CHECK = Check("remote.session", examine)
