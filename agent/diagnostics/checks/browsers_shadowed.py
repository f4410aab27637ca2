"""Is there a second manifest, or a policy, so that a browser does not use ours? (R25, rows 72, 73)"""

from __future__ import annotations

from pathlib import Path

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from native_host.install import FILE_NAME
from native_host.manifests import NAME, Browser


async def examine(probe: Probe) -> list[Finding]:
    findings = [one for browser, path in probe.browsers() for one in _of_browser(probe, browser, path)]
    return findings or [Finding("browsers.shadowed", "none", "ok")]


def _of_browser(probe: Probe, browser: Browser, path: Path) -> list[Finding]:
    facts: dict[str, Fact] = {"browser": browser.title, "path": str(path)}
    findings = []
    decided = probe.profiles.policies(browser)
    refused = [str(name) for name in _list(decided.get("NativeMessagingBlocklist"))]
    allowed = NAME in _list(decided.get("NativeMessagingAllowlist"))
    if {"*", NAME} & set(refused) and not allowed:
        findings.append(Finding("browsers.shadowed", "policy_refuses", "error", {"browser": browser.title}))
    own, others = _content(probe, path), [place / FILE_NAME for place in probe.profiles.hosts(browser)]
    for_all = [other for other in others if _content(probe, other) is not None]
    if decided.get("NativeMessagingUserLevelHosts") is False and not for_all:
        findings.append(Finding("browsers.shadowed", "policy_wants_system", "error", facts))
    for other in for_all:
        if own is not None and _content(probe, other) != own:
            findings.append(Finding("browsers.shadowed", "two", "warning", {**facts, "other": str(other)}))
    return findings


def _content(probe: Probe, path: Path) -> bytes | None:
    try:
        return probe.read(path)
    except OSError:
        return None


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


CHECK = Check("browsers.shadowed", examine)
