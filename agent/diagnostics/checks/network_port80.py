"""Does plain HTTP get through, by which authorities publish their lists and certificates? (R26, row 52)"""

from __future__ import annotations

from agent.diagnostics import sites
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    plain = [trial for trial in await sites.pages(probe) if trial.step not in ("address", "name")]
    secure = [trial for portal, trial in await sites.portals(probe) if portal.url.startswith("https:")]
    if not plain:
        return [Finding("network.port80", "nobody_named", "not_applicable")]
    if any(trial.reason == "captive" for trial in plain):
        return [Finding("network.port80", "captive", "error")]
    if any(trial.answered for trial in plain):
        return [Finding("network.port80", "open", "ok")]
    hosts = ", ".join(dict.fromkeys(trial.host for trial in plain))
    if any(trial.answered for trial in secure):
        return [Finding("network.port80", "blocked", "warning", {"hosts": hosts})]
    return [Finding("network.port80", "silent", "unknown", {"hosts": hosts})]


CHECK = Check("network.port80", examine, requires=("network.connection",))
