"""Are there leftovers of other signing plug-ins: extensions that browsers no longer run, or the same one twice?
(R25, R41, rows 75, 76)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.profiles import Extension, Profile

_OLD = 2  # manifest_version that Chromium's browsers no longer run


async def examine(probe: Probe) -> list[Finding]:
    findings = [one for profile in probe.profiles.profiles() for one in _of_profile(profile)]
    return findings or [Finding("browsers.legacy", "none", "ok")]


def _of_profile(profile: Profile) -> list[Finding]:
    """Of extensions that speak with programs of this machine, as signing plug-ins do."""
    others = [one for one in profile.extensions if one.speaks and not one.ours]
    place = {"browser": profile.browser.title, "profile": profile.name}
    findings = [
        Finding("browsers.legacy", "old", "warning", {**place, "name": one.name or one.id, "version": one.version})
        for one in others
        if profile.browser.family == "chromium" and one.manifest == _OLD
    ]
    by_name: dict[str, list[Extension]] = {}
    for one in others:
        if not one.off and one.name and not one.name.startswith("__MSG_"):
            by_name.setdefault(one.name, []).append(one)
    for name, copies in by_name.items():
        if len(copies) > 1:
            versions = ", ".join(one.version for one in copies)
            findings.append(
                Finding("browsers.legacy", "twice", "warning", {**place, "name": name, "versions": versions})
            )
    return findings


CHECK = Check("browsers.legacy", examine)
