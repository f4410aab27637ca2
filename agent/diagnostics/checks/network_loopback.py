"""Does a proxy script send even this machine's own address to a proxy? (R26, row 83)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.pac import named

ADDRESS = "https://127.0.0.1:14741/"


async def examine(probe: Probe) -> list[Finding]:
    scripts = [one for profile in probe.profiles.profiles() for one in (profile.script,) if one]
    for browser, _path in probe.browsers():
        scripts += named(probe.profiles.policies(browser))
    scripts.append(await probe.scripts.desktop())
    findings = [await _of_script(probe, script) for script in dict.fromkeys(filter(None, scripts))]
    return findings or [Finding("network.loopback", "no_script", "not_applicable")]


async def _of_script(probe: Probe, script: str) -> Finding:
    verdict = await probe.scripts.verdict(script, ADDRESS)
    facts = {"script": script, "proxy": verdict.proxy}
    if verdict.outcome == "unreachable":
        return Finding("network.loopback", "unreachable", "warning", facts)
    if verdict.outcome == "nonsense":
        return Finding("network.loopback", "nonsense", "warning", facts)
    if verdict.proxy:
        return Finding("network.loopback", "proxied", "warning", facts)
    return Finding("network.loopback", "direct", "ok", facts)


CHECK = Check("network.loopback", examine)
