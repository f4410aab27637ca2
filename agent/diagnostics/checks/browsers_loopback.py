"""May pages reach this machine, where sites use the WebSocket and not the extension? (R25, R26, rows 80, 83)"""

from __future__ import annotations

from collections.abc import Iterator

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.profiles import Profile

_BLOCKING = ("LoopbackNetworkBlockedForUrls", "LocalNetworkAccessBlockedForUrls")
_BYPASS = "<-loopback>"


async def examine(probe: Probe) -> list[Finding]:
    findings = [one for profile in probe.profiles.profiles() for one in _of_profile(profile)]
    for browser, _path in probe.browsers():
        decided = probe.profiles.policies(browser)
        facts = {"browser": browser.title}
        blocked = [str(site) for name in _BLOCKING for site in decided.get(name) or ()]
        if blocked:
            findings.append(Finding("browsers.loopback", "policy", "warning", {**facts, "sites": ", ".join(blocked)}))
        if _BYPASS in str(decided.get("ProxyBypassList", "")) + str(decided.get("ProxySettings", "")):
            findings.append(Finding("browsers.loopback", "proxied_by_policy", "error", facts))
    return findings or [Finding("browsers.loopback", "open", "ok")]


def _of_profile(profile: Profile) -> Iterator[Finding]:
    facts = {"browser": profile.browser.title, "profile": profile.name}
    if profile.blocked:
        yield Finding("browsers.loopback", "blocked", "warning", {**facts, "sites": ", ".join(profile.blocked)})
    if profile.hijacks:
        yield Finding("browsers.loopback", "proxied", "error", facts)


CHECK = Check("browsers.loopback", examine)
