"""Profiles, policies and manifests of browsers, in throw-away homes; the native host as browsers start it.

What Chromium and Firefox write themselves is in tests/end_to_end/test_diagnose_browsers.py; the rows of other browsers
are tried on files of the same form.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent.diagnostics import report
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks import (
    browsers_confined,
    browsers_extension,
    browsers_host,
    browsers_legacy,
    browsers_loopback,
    browsers_private,
    browsers_shadowed,
    browsers_version,
)
from agent.diagnostics.probes.host import RealHost, Reply
from agent.diagnostics.probes.profiles import LinuxProfiles
from agent.texts.catalogue import LANGUAGES
from native_host.manifests import BROWSERS, CHROMIUM_EXTENSION, FIREFOX_EXTENSION
from tests.harness.diagnosed import CHROMIUM, FIREFOX, LAUNCHER, PLACES, Fake

OURS = {"location": 1, "manifest": {"version": "0.1.0", "manifest_version": 3, "name": "Pero", "permissions": []}}
SIGNING = {"name": "Signer", "version": "1.2", "manifest_version": 3, "permissions": ["nativeMessaging"]}


class Home(Fake):
    """A machine whose browsers are those of a throw-away home and root."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.home, self.root = folder / "home", folder / "root"
        self.profiles = LinuxProfiles(self.home, self.root, lambda _: None)

    def write(self, path: str, content: Any, *, root: bool = False) -> Path:
        place = (self.root if root else self.home) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    def chromium(self, *, browser: str = "chromium", profile: str = "Default", **settings: Any) -> None:
        """Preferences of one profile: `settings` are records of extensions, by id."""
        self.write(f".config/{browser}/{profile}/Preferences", {"extensions": {"settings": settings}})

    def firefox(self, **addon: Any) -> None:
        row = {"id": FIREFOX_EXTENSION, "type": "extension", "version": "0.1.0", "active": True, "signedState": 2}
        self.write(".mozilla/firefox/x.default/extensions.json", {"addons": [row | addon]})


async def found(check: Check, fake: Any) -> list[tuple[str, str]]:
    findings = await check.examine(fake)
    for finding in findings:
        check_words(finding)
    return [(finding.case, finding.status) for finding in findings]


def check_words(finding: Finding) -> None:
    for language in LANGUAGES:
        told = report.wording(finding, language), report.why(finding, language), report.advice(finding, language)
        assert "check." not in "".join(told), told
        assert "?" not in "".join(told), told


@pytest.mark.parametrize(
    ("change", "case", "status"),
    [
        ({}, "on", "ok"),
        ({"disable_reasons": []}, "on", "ok"),
        ({"disable_reasons": [1]}, "off", "error"),
        ({"disable_reasons": 1}, "off", "error"),
        ({"state": 0}, "off", "error"),
        ({"disable_reasons": [1 << 16]}, "forbidden", "error"),
        ({"disable_reasons": [1, 1 << 10]}, "damaged", "error"),
        ({"disable_reasons": [1 << 1]}, "wants_consent", "error"),
        ({"disable_reasons": [1 << 23]}, "not_accepted", "error"),
        ({"disable_reasons": [1 << 24]}, "developer_mode", "error"),
        ({"disable_reasons": [1 << 30]}, "damaged", "error"),
        ({"disable_reasons": "strange"}, "on", "ok"),
        ({"manifest": {"version": "0.0.9", "manifest_version": 3}}, "other_version", "warning"),
    ],
)
async def test_the_extension_in_a_browser_of_chromiums_family(
    tmp_path: Path, change: dict[str, Any], case: str, status: str
) -> None:
    fake = Home(tmp_path)
    fake.chromium(**{CHROMIUM_EXTENSION: OURS | change})
    assert await found(browsers_extension.CHECK, fake) == [(case, status)]


@pytest.mark.parametrize(
    ("change", "case"),
    [
        ({}, "on"),
        ({"userDisabled": True, "active": False}, "off"),
        ({"appDisabled": True, "active": False, "signedState": 0}, "not_accepted"),
        ({"appDisabled": True, "active": False}, "damaged"),
        ({"blocklistState": 2, "active": False}, "forbidden"),
        ({"version": "0.0.1"}, "other_version"),
        ({"id": "other@example"}, "absent"),
    ],
)
async def test_the_extension_in_firefox(tmp_path: Path, change: dict[str, Any], case: str) -> None:
    fake = Home(tmp_path)
    fake.firefox(**change)
    assert [one for one, _ in await found(browsers_extension.CHECK, fake)] == [case]


async def test_each_browser_of_the_table_with_a_profile_is_looked_into(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    assert await found(browsers_extension.CHECK, fake) == [("no_profiles", "not_applicable")]
    for browser in BROWSERS:
        place = browser.profile.get("linux")
        if place and browser.family == "chromium":
            fake.write(f"{place}/Profile 1/Preferences", {"extensions": {"settings": {CHROMIUM_EXTENSION: OURS}}})
    findings = await browsers_extension.CHECK.examine(fake)  # type: ignore[arg-type]
    assert {finding.facts["browser"] for finding in findings} >= {
        "Google Chrome", "Chromium", "Microsoft Edge", "Яндекс Браузер", "Opera", "Brave", "Vivaldi",
    }  # fmt: skip
    assert {finding.case for finding in findings} == {"on"}


async def test_profiles_without_the_extension_are_no_fault_where_one_has_it(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    fake.chromium(profile="Profile 1")
    assert await found(browsers_extension.CHECK, fake) == [("absent", "warning")]
    fake.chromium(**{CHROMIUM_EXTENSION: OURS})
    assert await found(browsers_extension.CHECK, fake) == [("on", "ok")]


@pytest.mark.parametrize(
    ("policy", "case"),
    [
        ({}, "absent"),
        ({"ExtensionInstallBlocklist": ["*"]}, "forbidden"),
        ({"ExtensionInstallBlocklist": ["*"], "ExtensionInstallAllowlist": [CHROMIUM_EXTENSION]}, "absent"),
        ({"ExtensionSettings": {"*": {"installation_mode": "blocked"}}}, "forbidden"),
        (
            {"ExtensionSettings": {"*": {"installation_mode": "blocked"}, CHROMIUM_EXTENSION: {}}},
            "absent",
        ),
        ({"ExtensionSettings": "strange"}, "absent"),
    ],
)
async def test_a_policy_that_keeps_extensions_out(tmp_path: Path, policy: dict[str, Any], case: str) -> None:
    fake = Home(tmp_path)
    fake.chromium()
    fake.write("etc/chromium/policies/managed/rules.json", policy, root=True)
    assert [one for one, _ in await found(browsers_extension.CHECK, fake)] == [case]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"extensions": []}', "[" * 100_000, '{"extensions":{"settings":{"a":1}}}']
)
async def test_preferences_that_are_damaged_harm_nobody(tmp_path: Path, content: str) -> None:
    fake = Home(tmp_path)
    fake.write(".config/chromium/Default/Preferences", content)
    fake.write(".mozilla/firefox/x/extensions.json", content)
    assert {case for case, _ in await found(browsers_extension.CHECK, fake)} == {"absent"}


async def test_private_windows(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    assert await found(browsers_private.CHECK, fake) == [("none", "not_applicable")]
    fake.chromium(**{CHROMIUM_EXTENSION: OURS | {"incognito": True}})
    fake.firefox()
    assert await found(browsers_private.CHECK, fake) == [("allowed", "ok"), ("not_allowed", "ok")]
    allowed = {FIREFOX_EXTENSION: {"permissions": ["internal:privateBrowsingAllowed"], "origins": []}}
    fake.write(".mozilla/firefox/x.default/extension-preferences.json", allowed)
    assert await found(browsers_private.CHECK, fake) == [("allowed", "ok"), ("allowed", "ok")]


async def test_browsers_in_sandboxes(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    assert await found(browsers_confined.CHECK, fake) == [("none", "not_applicable")]
    (fake.home / "snap/firefox").mkdir(parents=True)
    (fake.home / ".var/app/ru.yandex.Browser").mkdir(parents=True)
    assert await found(browsers_confined.CHECK, fake) == [("asks", "warning"), ("confined", "warning")]
    fake.profiles = LinuxProfiles(tmp_path, tmp_path, lambda name: "/snap/bin/chromium" if name == "chromium" else None)
    assert await found(browsers_confined.CHECK, fake) == [("confined", "warning")]


async def test_a_second_manifest_and_policies_about_manifests(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    fake.found = [CHROMIUM]
    assert await found(browsers_shadowed.CHECK, fake) == [("none", "ok")]
    rules = "etc/chromium/policies/managed/rules.json"
    fake.write(rules, {"NativeMessagingUserLevelHosts": False}, root=True)
    assert await found(browsers_shadowed.CHECK, fake) == [("policy_wants_system", "error")]
    other = fake.root / "etc/chromium/native-messaging-hosts/pero.agent.json"
    fake.files[other] = fake.files[PLACES["chromium"]]
    assert await found(browsers_shadowed.CHECK, fake) == [("none", "ok")]
    fake.files[other] = b"{}"
    assert await found(browsers_shadowed.CHECK, fake) == [("two", "warning")]
    del fake.files[other]
    fake.write(rules, {"NativeMessagingBlocklist": ["*"]}, root=True)
    assert await found(browsers_shadowed.CHECK, fake) == [("policy_refuses", "error")]
    fake.write(rules, {"NativeMessagingBlocklist": ["*"], "NativeMessagingAllowlist": ["pero.agent"]}, root=True)
    assert await found(browsers_shadowed.CHECK, fake) == [("none", "ok")]


async def test_leftovers_of_other_plug_ins(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    old = {"manifest": SIGNING | {"manifest_version": 2}, "disable_reasons": [1 << 23], "location": 1}
    one, other = ({"manifest": SIGNING, "location": 1} for _ in range(2))
    fake.chromium(a=old, **{CHROMIUM_EXTENSION: OURS})
    assert await found(browsers_legacy.CHECK, fake) == [("old", "warning")]
    fake.chromium(browser="yandex-browser", a=one, b=other)
    assert ("twice", "warning") in await found(browsers_legacy.CHECK, fake)
    fake.chromium(a={"manifest": SIGNING | {"permissions": []}, "location": 1})
    fake.chromium(browser="yandex-browser", a=one, b=other | {"disable_reasons": [1]})
    assert await found(browsers_legacy.CHECK, fake) == [("none", "ok")]


async def test_what_keeps_pages_from_this_machine(tmp_path: Path) -> None:
    fake = Home(tmp_path)
    fake.found = [CHROMIUM, FIREFOX]
    assert await found(browsers_loopback.CHECK, fake) == [("open", "ok")]
    exceptions = {
        "loopback_network": {"https://portal.test:443,*": {"setting": 2}, "https://other.test:443,*": {"setting": 1}}
    }
    content = {"profile": {"content_settings": {"exceptions": exceptions}}, "proxy": {"bypass_list": "<-loopback>"}}
    fake.write(".config/chromium/Default/Preferences", content)
    findings = await browsers_loopback.CHECK.examine(fake)  # type: ignore[arg-type]
    assert [(finding.case, finding.facts.get("sites")) for finding in findings] == [
        ("blocked", "https://portal.test:443"),
        ("proxied", None),
    ]
    fake.write(".config/chromium/Default/Preferences", {})
    fake.firefox()
    fake.write(".mozilla/firefox/x.default/prefs.js", 'user_pref("network.proxy.allow_hijacking_localhost", true);\n')
    assert await found(browsers_loopback.CHECK, fake) == [("proxied", "error")]
    fake.firefox(id="other")
    fake.write(".mozilla/firefox/x.default/prefs.js", "")
    policy = {"LoopbackNetworkBlockedForUrls": ["*"], "ProxySettings": {"ProxyBypassList": "<-loopback>"}}
    fake.write("etc/chromium/policies/managed/a.json", policy, root=True)
    assert await found(browsers_loopback.CHECK, fake) == [("policy", "warning"), ("proxied_by_policy", "error")]


@pytest.mark.parametrize(
    ("outcome", "case", "status"),
    [
        ("answers", "answers", "ok"),
        ("no_agent", "answers", "ok"),
        ("cannot_start", "cannot_start", "error"),
        ("silent", "silent", "error"),
        ("nonsense", "nonsense", "error"),
        ("ended", "ended", "error"),
    ],
)
async def test_what_the_host_came_to(outcome: Any, case: str, status: str) -> None:
    fake = Fake()
    fake.host.reply = Reply(outcome, "1")
    assert await found(browsers_host.CHECK, fake) == [(case, status)]
    fake.programs.clear()
    assert await found(browsers_host.CHECK, fake) == [("not_written", "not_applicable")]
    assert Path("/state/native-host") == LAUNCHER


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("exit 3", "ended"),
        ("echo hello, this is a long line of text", "nonsense"),
        ("sleep 600", "silent"),
        ("printf '\\001\\000\\000\\000x'", "nonsense"),
    ],
)
async def test_a_host_that_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, outcome: str
) -> None:
    if outcome == "silent":
        monkeypatch.setattr("agent.diagnostics.probes.host.SECONDS", 0.3)
    launcher = tmp_path / "native-host"
    launcher.write_text(f"#!/bin/sh\n{script}\n")
    launcher.chmod(0o700)
    assert (await RealHost(dict(os.environ)).ping(launcher, "chromium")).outcome == outcome


async def test_a_host_that_cannot_be_started(tmp_path: Path) -> None:
    launcher = tmp_path / "native-host"
    launcher.write_text("#!/no/such/interpreter\n")
    launcher.chmod(0o700)
    assert (await RealHost(dict(os.environ)).ping(launcher, "firefox")).outcome == "cannot_start"


@pytest.mark.parametrize(
    ("version", "case"),
    [("156.0.8078.79", "new_enough"), ("119.0.1.2", "too_old"), ("", "not_told"), ("x", "not_told")],
)
async def test_the_version_of_a_chromium(tmp_path: Path, version: str, case: str) -> None:
    fake = Home(tmp_path)
    fake.chromium()
    fake.write(".config/chromium/Last Version", version)
    assert [one for one, _ in await found(browsers_version.CHECK, fake)] == [case]


@pytest.mark.parametrize(("version", "case"), [("153.7.0_2/2", "new_enough"), ("128.0_1/1", "too_old")])
async def test_the_version_of_a_firefox(tmp_path: Path, version: str, case: str) -> None:
    fake = Home(tmp_path)
    fake.firefox()
    fake.write(".mozilla/firefox/x.default/compatibility.ini", f"[Compatibility]\nLastVersion={version}\n")
    assert [one for one, _ in await found(browsers_version.CHECK, fake)] == [case]


def test_the_oldest_versions_are_those_of_the_extensions_manifests() -> None:
    manifests = Path(__file__).resolve().parents[2] / "browser_extension" / "manifests"
    chromium, firefox = (json.loads((manifests / f"{name}.json").read_text()) for name in ("chromium", "firefox"))
    gecko = firefox["browser_specific_settings"]["gecko"]["strict_min_version"]
    assert {
        "chromium": int(chromium["minimum_chrome_version"]),
        "firefox": int(gecko.partition(".")[0]),
    } == browsers_version.OLDEST
