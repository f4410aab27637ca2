"""Does the network lead out of this machine at all, and if not, at which step does it end? (R26, R42)"""

from __future__ import annotations

from agent.diagnostics import sites
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    tried = await sites.everything(probe)
    if not tried:
        return [Finding("network.connection", "nobody_named", "not_applicable")]
    hosts = ", ".join(dict.fromkeys(trial.host for trial in tried))
    if any(trial.status or trial.step in ("tls", "certificate", "http") for trial in tried):
        return [Finding("network.connection", "leads_out", "ok")]
    if all(trial.step == "proxy" for trial in tried):
        return [Finding("network.connection", "proxy", "error", {"proxy": tried[0].proxy}, blocking=True)]
    if all(trial.step == "name" for trial in tried):
        return [Finding("network.connection", "no_names", "error", {"hosts": hosts}, blocking=True)]
    return [Finding("network.connection", "nowhere", "error", {"hosts": hosts}, blocking=True)]


CHECK = Check("network.connection", examine)
