"""Do the time-stamp authorities of the settings answer? (R26, row 96)"""

from __future__ import annotations

import asyncio

from agent.diagnostics.base import Check, Finding, Status
from agent.diagnostics.probe import Probe
from agent.timestamp.client import name_of


async def examine(probe: Probe) -> list[Finding]:
    authorities = probe.settings().timestamp_authorities
    trials = await asyncio.gather(*(probe.network.trial(authority.url) for authority in authorities))
    # Whoever answers POST with a time-stamp may answer HEAD with any status: somebody is there.
    nobody: Status = "warning" if any(trial.status for trial in trials) else "error"
    findings = []
    for authority, trial in zip(authorities, trials, strict=True):
        facts = {"name": name_of(authority), "host": trial.host, "step": trial.step, "code": trial.reason}
        if trial.status == 407:
            findings.append(Finding("network.timestamps", "proxy", "error", facts))
        elif trial.status or trial.step == "done":
            findings.append(Finding("network.timestamps", "answers", "ok", facts))
        elif trial.step == "certificate":
            findings.append(Finding("network.timestamps", "certificate", nobody, facts))
        elif trial.step == "proxy":
            findings.append(Finding("network.timestamps", "proxy", nobody, facts))
        else:
            findings.append(Finding("network.timestamps", "silent", nobody, facts))
    return findings or [Finding("network.timestamps", "none", "not_applicable")]


CHECK = Check("network.timestamps", examine)
