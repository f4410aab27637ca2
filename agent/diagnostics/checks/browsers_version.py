"""Is each browser new enough for the extension? (R25)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from native_host.manifests import Family

OLDEST: dict[Family, int] = {"chromium": 120, "firefox": 140}  # as the extension's manifests say
_OWN_NUMBERS = ("opera", "yandex", "vivaldi", "brave")  # these browsers count their versions by themselves


async def examine(probe: Probe) -> list[Finding]:
    findings = {}
    for profile in probe.profiles.profiles():
        number = profile.version.partition(".")[0]
        oldest = OLDEST[profile.browser.family]
        facts: dict[str, Fact] = {"browser": profile.browser.title, "version": profile.version, "least": oldest}
        if not number.isdecimal():
            continue
        if int(number) < oldest and profile.browser.name not in _OWN_NUMBERS:
            findings[profile.browser.name] = Finding("browsers.version", "too_old", "error", facts)
        else:
            findings[profile.browser.name] = Finding("browsers.version", "new_enough", "ok", facts)
    return list(findings.values()) or [Finding("browsers.version", "not_told", "not_applicable")]


CHECK = Check("browsers.version", examine)
