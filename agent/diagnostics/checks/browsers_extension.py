"""Is the extension in each browser, is it on, and of the version of this program? (R25, rows 71, 75)"""

from __future__ import annotations

from collections.abc import Sequence

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.profiles import Extension, Profile
from agent.errors import Fact
from native_host.manifests import EXTENSION_IDS


async def examine(probe: Probe) -> list[Finding]:
    profiles = probe.profiles.profiles()
    by_browser: dict[str, list[Profile]] = {}
    for profile in profiles:
        by_browser.setdefault(profile.browser.title, []).append(profile)
    findings = [one for members in by_browser.values() for one in _of_browser(probe, members)]
    return findings or [Finding("browsers.extension", "no_profiles", "not_applicable")]


def _of_browser(probe: Probe, profiles: Sequence[Profile]) -> list[Finding]:
    """Of the profiles that have it; people use one of several, so those without are no fault where one has it."""
    having = [(profile, profile.ours) for profile in profiles if profile.ours]
    if not having:
        facts = {"browser": profiles[0].browser.title}
        if _forbidden(probe, profiles[0]):
            return [Finding("browsers.extension", "forbidden", "error", facts)]
        return [Finding("browsers.extension", "absent", "warning", facts)]
    return [_of_extension(probe, profile, ours) for profile, ours in having if ours]


def _of_extension(probe: Probe, profile: Profile, ours: Extension) -> Finding:
    facts: dict[str, Fact] = {"browser": profile.browser.title, "profile": profile.name, "version": ours.version}
    if ours.off == "person":
        return Finding("browsers.extension", "off", "error", facts)
    if ours.off in ("policy", "blocked"):
        return Finding("browsers.extension", "forbidden", "error", facts)
    if ours.off in ("manifest", "unsigned"):
        return Finding("browsers.extension", "not_accepted", "error", facts)
    if ours.off == "permissions":
        return Finding("browsers.extension", "wants_consent", "error", facts)
    if ours.off == "developer":
        return Finding("browsers.extension", "developer_mode", "error", facts)
    if ours.off:
        return Finding("browsers.extension", "damaged", "error", facts)
    if ours.version and ours.version != probe.version:
        return Finding("browsers.extension", "other_version", "warning", {**facts, "installed": probe.version})
    return Finding("browsers.extension", "on", "ok", facts)


def _forbidden(probe: Probe, profile: Profile) -> bool:
    """Whether a policy keeps extensions out and does not name ours."""
    decided = probe.profiles.policies(profile.browser)
    if profile.browser.family == "firefox":
        inner = decided.get("policies")
        settings = inner.get("ExtensionSettings") if isinstance(inner, dict) else None
    else:
        if "*" in _list(decided.get("ExtensionInstallBlocklist")):
            return not _names_ours(decided.get("ExtensionInstallAllowlist"))
        settings = decided.get("ExtensionSettings")
    every = settings.get("*") if isinstance(settings, dict) else None
    blocks = isinstance(every, dict) and every.get("installation_mode") == "blocked"
    return blocks and not _names_ours(list(settings or ()))


def _names_ours(value: object) -> bool:
    return any(identifier in EXTENSION_IDS for identifier in _list(value))


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


CHECK = Check("browsers.extension", examine)
