"""`pero diagnose` about real browsers: what Chromium and Firefox wrote into their profiles; the real native host."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from native_host.manifests import CHROMIUM_EXTENSION, FIREFOX_EXTENSION
from tests.harness.browsers import built_extension
from tests.harness.command_line import CommandLine

PATIENCE = 60.0  # seconds; waited for only where something is broken
_SWITCH_OFF = """async id => {
  await chrome.developerPrivate.updateProfileConfiguration({ inDeveloperMode: true });
  await chrome.developerPrivate.updateExtensionConfiguration({ extensionId: id, incognitoAccess: true });
  await chrome.management.setEnabled(id, false);
}"""


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


def told(pero: CommandLine, browser: str) -> dict[str, list[str]]:
    """Cases about one browser, by check."""
    found: dict[str, list[str]] = {}
    for row in pero.run("diagnose", "--json", "--area", "browsers").json["findings"]:
        if row["facts"].get("browser") == browser:
            found.setdefault(row["id"], []).append(row["case"])
    return found


def chromium(home: Path, *, off: bool) -> None:
    """A run of Chromium in which the extension is loaded, and maybe switched off by hand."""
    arguments = ["--disable-gpu", "--no-first-run", "--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            home / ".config" / "chromium",
            executable_path=shutil.which("chromium"),
            headless=True,
            args=arguments,
            ignore_default_args=["--disable-extensions"],
        )
        assert context.browser is not None
        session = context.browser.new_browser_cdp_session()
        session.send("Extensions.loadUnpacked", {"path": str(built_extension("chromium"))})
        page = context.new_page()
        page.goto("chrome://extensions/")
        if off:
            page.evaluate(_SWITCH_OFF, CHROMIUM_EXTENSION)
        context.close()


def test_chromiums_own_profile_is_understood(pero: CommandLine) -> None:
    home = pero.folder / "home"
    chromium(home, off=False)
    found = told(pero, "Chromium")
    assert (found["browsers.extension"], found["browsers.private"]) == (["on"], ["not_allowed"])
    assert (found["browsers.manifests"], found["browsers.version"]) == (["absent"], ["new_enough"])
    chromium(home, off=True)
    assert told(pero, "Chromium")["browsers.extension"] == ["off"]
    preferences = home / ".config/chromium/Default/Preferences"
    content = json.loads(preferences.read_text())
    record = content["extensions"]["settings"][CHROMIUM_EXTENSION]
    assert (record["disable_reasons"], record["incognito"]) == ([1], True)
    del content["extensions"]["settings"][CHROMIUM_EXTENSION]
    preferences.write_text(json.dumps(content))
    assert told(pero, "Chromium")["browsers.extension"] == ["absent"]


def firefox(home: Path, profile: Path, wanted: Any) -> dict[str, Any]:
    """A run of Firefox until it wrote what is wanted about the extension into its profile."""
    process = subprocess.Popen(
        ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile)],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for addon in addons(profile):
                if addon["id"] == FIREFOX_EXTENSION and wanted(addon):
                    return addon
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(PATIENCE)
    raise AssertionError("Firefox did not write about the extension")


def addons(profile: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads((profile / "extensions.json").read_text())["addons"]
    except (OSError, ValueError, KeyError):
        return []
    return found


def test_firefoxs_own_profile_is_understood(pero: CommandLine) -> None:
    home = pero.folder / "home"
    profile = home / ".mozilla" / "firefox" / "test.default"
    (profile / "extensions").mkdir(parents=True)
    folder = built_extension("firefox")
    with zipfile.ZipFile(profile / "extensions" / f"{FIREFOX_EXTENSION}.xpi", "w") as packed:
        for path in folder.rglob("*"):
            packed.write(path, path.relative_to(folder))
    settings = {"xpinstall.signatures.required": False, "extensions.autoDisableScopes": 0, "app.update.enabled": False}
    lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in settings.items()]
    (profile / "user.js").write_text("".join(lines))
    firefox(home, profile, lambda addon: addon["active"])
    found = told(pero, "Firefox")
    assert (found["browsers.extension"], found["browsers.private"]) == (["on"], ["not_allowed"])
    assert found["browsers.version"] == ["new_enough"]
    (profile / "user.js").write_text(lines[1] + lines[2])  # signatures are wanted again, as they are by default
    (profile / "prefs.js").unlink()
    (profile / "addonStartup.json.lz4").unlink(missing_ok=True)
    (profile / "compatibility.ini").unlink()
    firefox(home, profile, lambda addon: not addon["active"])
    assert told(pero, "Firefox")["browsers.extension"] == ["not_accepted"]


def test_the_real_native_host_answers_with_an_agent_and_without(pero: CommandLine) -> None:
    def host() -> list[tuple[str, str, str]]:
        rows = pero.run("diagnose", "--json", "--area", "browsers").json["findings"]
        return [
            (row["case"], row["status"], row["facts"].get("detail", "")) for row in rows if row["id"] == "browsers.host"
        ]

    assert host() == [("not_written", "not_applicable", "")]
    (pero.folder / "home" / ".config" / "google-chrome").mkdir(parents=True)
    assert pero.run("setup").status == 0
    assert host() == [("answers", "ok", "not_running")]
    with pero.agent():
        assert host() == [("answers", "ok", "0.1.0")]
    launcher = pero.places.host_launcher
    launcher.write_text("#!/bin/sh\nexit 7\n")
    assert host() == [("ended", "error", "7")]
    assert pero.run("setup").status == 0
    assert host()[0][0] == "answers"
