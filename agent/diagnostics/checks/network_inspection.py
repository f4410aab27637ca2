"""Does a filter or an antivirus program stand between this machine and secure sites? (R26, R27, R42, row 84)"""

from __future__ import annotations

from agent.diagnostics import sites
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    seen = [trial for _portal, trial in await sites.portals(probe) if trial.issuer]
    if not seen:
        return [Finding("network.inspection", "nobody_named", "not_applicable")]
    inspected = [trial for trial in seen if sites.is_inspector(trial.issuer)]
    if inspected:
        facts = {"issuer": inspected[0].issuer, "hosts": ", ".join(trial.host for trial in inspected)}
        return [Finding("network.inspection", "inspected", "warning", facts)]
    untrusted = [trial for trial in seen if trial.reason in ("untrusted", "self_signed")]
    issuers = {trial.issuer for trial in untrusted if not sites.is_ministry(trial.issuer)}
    if len(untrusted) > 1 and len(issuers) == 1:  # one stranger vouches for sites that have nothing in common
        facts = {"issuer": issuers.pop(), "hosts": ", ".join(trial.host for trial in untrusted)}
        return [Finding("network.inspection", "one_stranger", "error", facts)]
    return [Finding("network.inspection", "none", "ok")]


CHECK = Check("network.inspection", examine, requires=("network.connection",))
