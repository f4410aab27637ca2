"""Which proxy is in the way, does it answer, and does it let us through? (R26)"""

from __future__ import annotations

from agent.diagnostics import sites
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.network import Trial


async def examine(probe: Probe) -> list[Finding]:
    tried = await sites.everything(probe)
    by_proxy: dict[str, list[Trial]] = {}
    for trial in tried:
        if trial.proxy or trial.step == "proxy":
            by_proxy.setdefault(trial.proxy or "?", []).append(trial)
    findings = [_of_proxy(proxy, trials) for proxy, trials in by_proxy.items()]
    return findings or [Finding("network.proxy", "none", "not_applicable")]


def _of_proxy(proxy: str, trials: list[Trial]) -> Finding:
    facts = {"proxy": proxy}
    reasons = {trial.reason for trial in trials if trial.step == "proxy"}
    if "malformed" in reasons:
        return Finding("network.proxy", "malformed", "error", facts)
    if "login" in reasons:
        return Finding("network.proxy", "login", "error", facts)
    if "refused_by_proxy" in reasons:
        refused = [trial.host for trial in trials if trial.reason == "refused_by_proxy"]
        return Finding("network.proxy", "refuses", "warning", {**facts, "hosts": ", ".join(dict.fromkeys(refused))})
    if reasons and all(trial.step == "proxy" for trial in trials):
        return Finding("network.proxy", "silent", "error", facts)
    return Finding("network.proxy", "answers", "ok", facts)


CHECK = Check("network.proxy", examine)
