"""Can each browser of this person find the native messaging host, and may our extension use it? (R25)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from native_host.manifests import Browser, content

_ALLOWED = ("allowed_origins", "allowed_extensions")


async def examine(probe: Probe) -> list[Finding]:
    browsers = probe.browsers()
    if not browsers:
        return [Finding("browsers.manifests", "no_browsers", "warning")]
    return [_of_browser(probe, browser, path) for browser, path in browsers]


def _of_browser(probe: Probe, browser: Browser, path: Path) -> Finding:
    facts: dict[str, Fact] = {"browser": browser.title, "path": str(path)}
    try:
        raw = probe.read(path)
    except OSError as error:
        return Finding("browsers.manifests", "unreadable", "error", {**facts, "reason": error.strerror or "unreadable"})
    if raw is None:
        return Finding("browsers.manifests", "absent", "warning", facts)
    manifest = _parsed(raw)
    expected = content(browser.family, probe.launcher())
    if manifest is None or (manifest.get("name"), manifest.get("type")) != (expected["name"], expected["type"]):
        return Finding("browsers.manifests", "damaged", "error", facts)
    launcher = Path(str(manifest.get("path", "")))
    if not probe.is_program(launcher):
        return Finding("browsers.manifests", "launcher_absent", "error", {**facts, "launcher": str(launcher)})
    if any(not set(_names(expected.get(key))) <= set(_names(manifest.get(key))) for key in _ALLOWED):
        return Finding("browsers.manifests", "other_extension", "error", facts)
    if launcher != probe.launcher():
        return Finding("browsers.manifests", "other_launcher", "warning", {**facts, "launcher": str(launcher)})
    if not _leads_here(probe, launcher):
        return Finding("browsers.manifests", "launcher_outdated", "error", {**facts, "launcher": str(launcher)})
    return Finding("browsers.manifests", "present", "ok", facts)


def _leads_here(probe: Probe, launcher: Path) -> bool:
    """Whether the launcher is what `pero setup` would write here and now: the same program, the same socket."""
    try:
        return probe.read(launcher) == probe.launcher_content()
    except OSError:
        return False


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        manifest = json.loads(raw)
    except ValueError:
        return None
    return manifest if isinstance(manifest, dict) else None


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


CHECK = Check("browsers.manifests", examine)
