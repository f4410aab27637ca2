"""Profiles of browsers on the disk: which extensions are in them and in what state, what the person allowed and
forbade, and what an administrator decided. Files of others, read with limits; nothing is written.

Chromium keeps extensions in Preferences or Secure Preferences of each profile (seen in runs of 156), Firefox in
extensions.json, extension-preferences.json and prefs.js (seen in runs of ESR 153). Places of other browsers follow the
table of native_host/manifests; those of Snap and Flatpak are what these systems make of them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from native_host.manifests import BROWSERS, CHROMIUM_EXTENSION, FIREFOX_EXTENSION, Browser, Family

Off = Literal["", "person", "policy", "damaged", "permissions", "manifest", "developer", "blocked", "unsigned", "other"]
_LIMIT = 64 << 20  # bytes of a file of preferences
_MAX_PROFILES = 32  # of one browser
_REASONS: tuple[tuple[int, Off], ...] = (  # extensions/browser/disable_reason.h, the gravest first
    (1 << 16, "policy"), (1 << 14, "policy"), (1 << 22, "policy"), (1 << 10, "damaged"), (1 << 23, "manifest"),
    (1 << 24, "developer"), (1 << 1, "permissions"), (1 << 9, "blocked"), (1 << 20, "blocked"), (1 << 0, "person"),
)  # fmt: skip
_FIREFOX_PREFERENCE = re.compile(r'^user_pref\("([^"]+)", (.+)\);$', re.MULTILINE)
_LOOPBACK_SETTINGS = ("loopback_network", "local_network_access", "local_network")
_BLOCK = 2  # CONTENT_SETTING_BLOCK
_POLICIES: Mapping[str, tuple[str, ...]] = {  # folders of managed policies, under the root
    "chrome": ("etc/opt/chrome/policies/managed",),
    "chromium": ("etc/chromium/policies/managed", "etc/chromium-browser/policies/managed"),
    "chromium-gost": ("etc/chromium/policies/managed", "etc/chromium-gost/policies/managed"),
    "edge": ("etc/opt/edge/policies/managed",),
    "brave": ("etc/brave/policies/managed",),
    "vivaldi": ("etc/vivaldi/policies/managed",),
    "yandex": ("etc/opt/yandex/browser/policies/managed",),
    "opera": ("etc/opt/opera/policies/managed",),
}
_FIREFOX_POLICIES = (
    "etc/firefox/policies/policies.json", "usr/lib/firefox/distribution/policies.json",
    "usr/lib/firefox-esr/distribution/policies.json", "usr/lib64/firefox/distribution/policies.json",
)  # fmt: skip
_HOSTS: Mapping[str, tuple[str, ...]] = {  # where manifests of all users lie, under the root
    "chrome": ("etc/opt/chrome/native-messaging-hosts",),
    "chromium": ("etc/chromium/native-messaging-hosts",),
    "chromium-gost": ("etc/chromium/native-messaging-hosts",),
    "edge": ("etc/opt/edge/native-messaging-hosts",),
    "brave": ("etc/opt/chrome/native-messaging-hosts",),
    "vivaldi": ("etc/opt/vivaldi/native-messaging-hosts",),
    "yandex": ("etc/opt/yandex-browser/native-messaging-hosts",),
    "opera": ("etc/opt/chrome/native-messaging-hosts",),
    "firefox": ("usr/lib/mozilla/native-messaging-hosts", "usr/lib64/mozilla/native-messaging-hosts",
                "usr/share/mozilla/native-messaging-hosts"),
    "librewolf": ("usr/lib/librewolf/native-messaging-hosts",),
    "waterfox": ("usr/lib/waterfox/native-messaging-hosts",),
}  # fmt: skip
_CONFINED: tuple[tuple[str, str, str], ...] = (  # browser, kind, its folder under the home folder
    ("firefox", "snap", "snap/firefox"),
    ("chromium", "snap", "snap/chromium"),
    ("opera", "snap", "snap/opera"),
    ("brave", "snap", "snap/brave"),
    ("firefox", "flatpak", ".var/app/org.mozilla.firefox"),
    ("chromium", "flatpak", ".var/app/org.chromium.Chromium"),
    ("chrome", "flatpak", ".var/app/com.google.Chrome"),
    ("edge", "flatpak", ".var/app/com.microsoft.Edge"),
    ("brave", "flatpak", ".var/app/com.brave.Browser"),
    ("yandex", "flatpak", ".var/app/ru.yandex.Browser"),
)


class Extension(NamedTuple):
    id: str
    name: str
    version: str
    off: Off = ""  # why it does not run; empty: it runs
    private: bool | None = None  # whether private windows have it
    manifest: int | None = None  # manifest_version
    speaks: bool = False  # with programs of this machine (nativeMessaging)

    @property
    def ours(self) -> bool:
        return self.id in (CHROMIUM_EXTENSION, FIREFOX_EXTENSION)


class Profile(NamedTuple):
    browser: Browser
    name: str
    folder: Path
    extensions: tuple[Extension, ...]
    blocked: tuple[str, ...] = ()  # sites that may not reach this machine
    hijacks: bool = False  # sends even 127.0.0.1 to its proxy
    script: str = ""  # address of the proxy script that it is told to use
    version: str = ""  # of the browser that used it last

    @property
    def ours(self) -> Extension | None:
        return next((one for one in self.extensions if one.ours), None)


class Confined(NamedTuple):
    browser: Browser
    kind: str  # "snap", "flatpak"


class Profiles(Protocol):
    def profiles(self) -> list[Profile]:
        """Those of this person that can be read."""
        ...

    def confined(self) -> list[Confined]:
        """Browsers of this person in sandboxes of Snap and Flatpak."""
        ...

    def policies(self, browser: Browser) -> dict[str, Any]:
        """What an administrator decided for a browser, all files together; those of Firefox below "policies"."""
        ...

    def hosts(self, browser: Browser) -> list[Path]:
        """The folders with manifests of all users."""
        ...


class LinuxProfiles:
    def __init__(self, home: Path, root: Path = Path("/"), which: Callable[[str], str | None] = shutil.which) -> None:
        self._home = home
        self._root = root
        self._which = which

    def profiles(self) -> list[Profile]:
        return [profile for browser in BROWSERS for profile in self._of_browser(browser)]

    def _of_browser(self, browser: Browser) -> Iterator[Profile]:
        place = browser.profile.get(sys.platform)
        if not place:
            return
        folder = self._home / place
        reader = _of_chromium if browser.family == "chromium" else _of_firefox
        for profile in _folders(folder, browser.family):
            yield reader(browser, profile)

    def confined(self) -> list[Confined]:
        by_name = {browser.name: browser for browser in BROWSERS}
        found = [Confined(by_name[name], kind) for name, kind, folder in _CONFINED if (self._home / folder).is_dir()]
        for browser in BROWSERS:
            places = (self._which(command) for command in browser.commands)
            if any(place and Path(place).parts[:2] == ("/", "snap") for place in places):
                found.append(Confined(browser, "snap"))
        return list({(one.browser.name, one.kind): one for one in found}.values())

    def policies(self, browser: Browser) -> dict[str, Any]:
        if browser.family == "firefox":
            files = [self._root / name for name in _FIREFOX_POLICIES]
        else:
            files = [
                path for name in _POLICIES.get(browser.name, ()) for path in sorted((self._root / name).glob("*.json"))
            ]
        decided: dict[str, Any] = {}
        for path in files:
            decided |= _object(path)
        return decided

    def hosts(self, browser: Browser) -> list[Path]:
        return [self._root / name for name in _HOSTS.get(browser.name, ())]


def _folders(folder: Path, family: Family) -> list[Path]:
    """The folders of the profiles."""
    if family == "firefox":
        found = [path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/extensions.json")]
    else:
        found = [path.parent for path in (*folder.glob("*/Preferences"), *folder.glob("Preferences"))]
    return sorted(dict.fromkeys(found))[:_MAX_PROFILES]


def _of_chromium(browser: Browser, folder: Path) -> Profile:
    plain, secure = (_object(folder / name) for name in ("Preferences", "Secure Preferences"))
    records = {**_inner(secure, "extensions", "settings"), **_inner(plain, "extensions", "settings")}
    found = [_chromium_extension(name, record) for name, record in records.items() if isinstance(record, dict)]
    exceptions = _inner(plain, "profile", "content_settings", "exceptions")
    blocked = [
        site.partition(",")[0]
        for setting in _LOOPBACK_SETTINGS
        for site, value in _inner(exceptions, setting).items()
        if isinstance(value, dict) and value.get("setting") == _BLOCK
    ]
    proxy = _inner(plain, "proxy")
    bypass = str(proxy.get("bypass_list", ""))
    script = str(proxy.get("pac_url", "")) if proxy.get("mode") == "pac_script" else ""
    return Profile(
        browser, folder.name, folder, tuple(one for one in found if one), tuple(dict.fromkeys(blocked)),
        "<-loopback>" in bypass, script, _text(folder.parent / "Last Version").strip()[:40],
    )  # fmt: skip


def _chromium_extension(identifier: str, record: dict[str, Any]) -> Extension | None:
    if record.get("location") in (5, 10):  # parts of the browser itself
        return None
    manifest = record.get("manifest")
    if not isinstance(manifest, dict):  # one that lies in a folder of its own
        manifest = _object(Path(str(record.get("path", ""))) / "manifest.json") if record.get("path") else {}
    running = _inner(record, "service_worker_registration_info").get("version")
    version = manifest.get("version") or running or ""
    number = manifest.get("manifest_version")
    return Extension(
        identifier,
        str(manifest.get("name", "")),
        str(version),
        _off(record),
        bool(record.get("incognito", False)),
        number if isinstance(number, int) else None,
        "nativeMessaging" in (manifest.get("permissions") or ()),
    )


def _off(record: dict[str, Any]) -> Off:
    """`disable_reasons` is a list of bits, in older versions their sum; `state` 0 is off, where it is written."""
    given = record.get("disable_reasons", 0)
    bits = [bit for bit in given if isinstance(bit, int)] if isinstance(given, list) else [given]
    total = 0
    for bit in bits:
        total |= bit if isinstance(bit, int) else 0
    if not total:
        return "person" if record.get("state") == 0 else ""
    return next((reason for bit, reason in _REASONS if total & bit), "other")


def _of_firefox(browser: Browser, folder: Path) -> Profile:
    addons = _object(folder / "extensions.json").get("addons")
    allowed = _object(folder / "extension-preferences.json")
    found = [
        _firefox_extension(addon, allowed)
        for addon in (addons if isinstance(addons, list) else ())
        if isinstance(addon, dict) and addon.get("type") == "extension" and addon.get("location") != "app-builtin"
    ]
    preferences = dict(_FIREFOX_PREFERENCE.findall(_text(folder / "prefs.js") + "\n" + _text(folder / "user.js")))
    hijacks = preferences.get("network.proxy.allow_hijacking_localhost") == "true"
    named = preferences.get("network.proxy.autoconfig_url", "").strip('"')
    script = named if preferences.get("network.proxy.type") == "2" else ""
    return Profile(browser, folder.name, folder, tuple(found), (), hijacks, script, _firefox_version(folder))


def _firefox_version(folder: Path) -> str:
    """compatibility.ini: "LastVersion=153.7.0_BUILD/BUILD"."""
    said = re.search(r"^LastVersion=([0-9.]+)", _text(folder / "compatibility.ini"), re.MULTILINE)
    return said[1] if said else ""


def _firefox_extension(addon: dict[str, Any], allowed: dict[str, Any]) -> Extension:
    identifier = str(addon.get("id", ""))
    off: Off = ""
    if addon.get("blocklistState"):
        off = "blocked"
    elif addon.get("appDisabled"):
        off = "unsigned" if addon.get("signedState", 2) in (0, -1, -2, None) else "other"
    elif addon.get("userDisabled"):
        off = "person"
    elif addon.get("active") is False:
        off = "other"
    granted = _inner(allowed, identifier).get("permissions")
    permissions = _inner(addon, "userPermissions").get("permissions")
    number = addon.get("manifestVersion")
    return Extension(
        identifier,
        str(_inner(addon, "defaultLocale").get("name", "")),
        str(addon.get("version", "")),
        off,
        "internal:privateBrowsingAllowed" in granted if isinstance(granted, list) else False,
        number if isinstance(number, int) else None,
        "nativeMessaging" in permissions if isinstance(permissions, list) else False,
    )


def _inner(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """An object inside objects; an empty one where it is not there or is something else."""
    for name in names:
        inner = value.get(name)
        value = inner if isinstance(inner, dict) else {}
    return value


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""
