"""Does a browser run in a sandbox of Snap or Flatpak, where it cannot start programs of this machine?
(R25, rows 77, 78)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    findings = []
    for browser, kind in probe.profiles.confined():
        facts = {"browser": browser.title, "sandbox": kind}
        if browser.family == "firefox" and kind == "snap":  # its portal starts hosts, and asks
            findings.append(Finding("browsers.confined", "asks", "warning", facts))
        else:
            findings.append(Finding("browsers.confined", "confined", "warning", facts))
    return findings or [Finding("browsers.confined", "none", "not_applicable")]


CHECK = Check("browsers.confined", examine)
