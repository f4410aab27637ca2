"""Can others on this machine read or write what Pero keeps, or the program that browsers start? (R37)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    findings = []
    for path, mode in probe.exposed():
        facts = {"path": str(path), "mode": f"{mode:04o}"}
        if mode & 0o022:
            findings.append(Finding("agent.files", "writable", "error", facts))
        else:
            findings.append(Finding("agent.files", "readable", "error", facts))
    return findings or [Finding("agent.files", "closed", "ok")]


CHECK = Check("agent.files", examine)
