"""Can each portal be reached, which step fails if not, and is the fault theirs or ours? (R26, R42, row 87)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.diagnostics import sites
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.network import Trial
from agent.diagnostics.true_time import agreed, votes
from agent.errors import Fact


async def examine(probe: Probe) -> list[Finding]:
    tried = await sites.portals(probe)
    others = await sites.anybody(probe)
    findings = [await _of_portal(probe, sites.name_of(portal, trial), trial, others) for portal, trial in tried]
    return findings or [Finding("portals.reach", "none", "not_applicable")]


async def _of_portal(probe: Probe, name: str, trial: Trial, others: bool) -> Finding:
    facts: dict[str, Fact] = {"portal": name, "host": trial.host, "step": trial.step, "seconds": f"{trial.seconds:.1f}"}
    if trial.step == "done":
        return Finding("portals.reach", "answers", "ok", {**facts, "status": trial.status})
    if trial.step == "certificate":
        return await _of_certificate(probe, trial, facts)
    if trial.step == "tls":
        return _of_tls(trial, facts)
    if trial.step == "http" and trial.reason == "captive":
        return Finding("portals.reach", "captive", "error", facts)
    if trial.step == "http" and trial.status >= 500:
        return Finding("portals.reach", "outage", "warning", {**facts, "status": trial.status})
    if trial.step == "proxy":
        return Finding("portals.reach", "proxy", "error", {**facts, "proxy": trial.proxy})
    if trial.step == "name":
        return Finding("portals.reach", "name", "error", facts)
    if trial.step == "address":
        return Finding("portals.reach", "address", "error", facts)
    if trial.step == "http":
        return Finding("portals.reach", "broken_off", "warning", facts)
    if not others:
        return Finding("portals.reach", "silent_as_all", "error", facts)
    return Finding("portals.reach", "refused" if trial.reason == "refused" else "silent", "warning", facts)


def _of_tls(trial: Trial, facts: dict[str, Fact]) -> Finding:
    if trial.reason == "no_common":
        return Finding("portals.reach", "no_common", "warning", facts)
    if trial.reason == "not_tls":
        return Finding("portals.reach", "not_tls", "error", facts)
    return Finding("portals.reach", "cut_off", "error", facts)


async def _of_certificate(probe: Probe, trial: Trial, facts: dict[str, Fact]) -> Finding:
    facts["issuer"] = trial.issuer
    if sites.is_inspector(trial.issuer):
        return Finding("portals.reach", "inspected", "error", facts)
    if trial.reason in ("expired", "not_yet_valid"):
        facts["begin"], facts["end"] = (
            f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" for moment in (trial.begins, trial.ends)
        )
        offset = agreed(votes(await probe.clock.sources())) or 0.0
        truly = (probe.now() + timedelta(seconds=offset)).timestamp()
        if trial.begins <= truly <= trial.ends:
            return Finding("portals.reach", "clock", "error", facts)
        return Finding("portals.reach", "certificate_expired", "warning", facts)
    if trial.reason == "other_name":
        return Finding("portals.reach", "other_name", "error", facts)
    if sites.is_ministry(trial.issuer):
        return Finding("portals.reach", "ministry", "error", {**facts, "store": probe.system.store()})
    return Finding("portals.reach", "untrusted", "error", {**facts, "store": probe.system.store()})


CHECK = Check("portals.reach", examine, requires=("network.connection",))
