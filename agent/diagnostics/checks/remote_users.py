"""Are others logged in, who could use a token that is plugged in here? (R27, row 90)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    others = probe.logins.others(probe.policies.user())
    if not others:
        return [Finding("remote.users", "alone", "ok")]
    if any(not reader.empty for reader in (await probe.cards.view()).readers):
        return [Finding("remote.users", "token_shared", "warning", {"count": others})]
    return [Finding("remote.users", "others", "ok", {"count": others})]


CHECK = Check("remote.users", examine)
