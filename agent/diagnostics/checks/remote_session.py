"""Is this session somebody's from elsewhere, or not the one in front? (R27, rows 14, 88, 89)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks.pcsc_service import remote_sign
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    sign = remote_sign(probe)
    readers = (await probe.cards.view()).readers
    if sign and readers:
        return [Finding("remote.session", "remote_with_readers", "ok", {"sign": sign})]
    if sign:
        return [Finding("remote.session", "remote", "warning", {"sign": sign, **probe.system.differs()})]
    login = probe.logins.own()
    if login is not None and not login.active and not readers:
        return [Finding("remote.session", "inactive", "warning")]
    return [Finding("remote.session", "local", "ok")]


CHECK = Check("remote.session", examine)
