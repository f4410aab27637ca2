"""Do private windows have the extension? (R25, row 79)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    findings = []
    for profile in probe.profiles.profiles():
        ours = profile.ours
        if ours is not None and not ours.off:
            facts = {"browser": profile.browser.title, "profile": profile.name}
            findings.append(Finding("browsers.private", "allowed" if ours.private else "not_allowed", "ok", facts))
    return findings or [Finding("browsers.private", "none", "not_applicable")]


CHECK = Check("browsers.private", examine)
