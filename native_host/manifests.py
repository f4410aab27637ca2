"""What browsers read to find the native messaging host: its name, its manifest, and where each browser looks for it.

The manifests are "native messaging manifests" of developer.chrome.com and of MDN. Seen in runs on Linux: Chromium and
Firefox; the other rows follow vendors' pages and what other hosts install (KeePassXC, browserpass, Web eID).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

NAME = "pero.agent"
DESCRIPTION = "Pero: signatures for web pages, with the person's consent"

CHROMIUM_EXTENSION = "pccfafgfjfnhpnlbbgdfbalbfdomclfo"  # follows from "key" in the extension's manifest
FIREFOX_EXTENSION = "agent@pero.local"
EXTENSION_IDS = (CHROMIUM_EXTENSION, FIREFOX_EXTENSION)

Family = Literal["chromium", "firefox"]
_CHROMIUM_FOLDER = "NativeMessagingHosts"
_FIREFOX_FOLDER = "native-messaging-hosts"


@dataclass(frozen=True)
class Browser:
    """One browser. Folders are relative to the home folder; empty: not known, the browser is never found there.

    `profile` is the folder by which the browser is found; `hosts` is where it looks for manifests of this user.
    `registry` is the key under HKEY_CURRENT_USER on Windows; its default value is the manifest's path. Not run yet.
    """

    name: str
    title: str
    family: Family
    commands: tuple[str, ...]
    profile: dict[str, str] = field(default_factory=dict)  # by sys.platform
    hosts: dict[str, str] = field(default_factory=dict)
    registry: str = ""


def _chromium(
    name: str, title: str, commands: tuple[str, ...], *, linux: str, macos: str = "", registry: str = "Google\\Chrome"
) -> Browser:
    profile = {"linux": f".config/{linux}"} | ({"darwin": f"Library/Application Support/{macos}"} if macos else {})
    hosts = {system: f"{folder}/{_CHROMIUM_FOLDER}" for system, folder in profile.items()}
    key = f"Software\\{registry}\\NativeMessagingHosts\\{NAME}"
    return Browser(name, title, "chromium", commands, profile, hosts, key)


def _firefox(name: str, title: str, commands: tuple[str, ...], *, linux: str, macos: str = "") -> Browser:
    profile = {"linux": linux} | ({"darwin": f"Library/Application Support/{macos}"} if macos else {})
    hosts = {"linux": f"{linux}/{_FIREFOX_FOLDER}"}
    if macos:
        hosts["darwin"] = f"Library/Application Support/{macos}/{_CHROMIUM_FOLDER}"
    return Browser(name, title, "firefox", commands, profile, hosts, f"Software\\Mozilla\\NativeMessagingHosts\\{NAME}")


_CHROMIUM = _chromium(
    "chromium", "Chromium", ("chromium", "chromium-browser"), linux="chromium", macos="Chromium", registry="Chromium"
)

BROWSERS: tuple[Browser, ...] = (
    _chromium("chrome", "Google Chrome", ("google-chrome", "google-chrome-stable"), linux="google-chrome",
              macos="Google/Chrome"),
    _CHROMIUM,
    Browser("chromium-gost", "Chromium-GOST", "chromium", ("chromium-gost", "chromium-gost-stable"), {},
            _CHROMIUM.hosts, _CHROMIUM.registry),  # its folders are Chromium's: it is found by its program alone
    _chromium("edge", "Microsoft Edge", ("microsoft-edge", "microsoft-edge-stable"), linux="microsoft-edge",
              macos="Microsoft Edge", registry="Microsoft\\Edge"),
    _chromium("brave", "Brave", ("brave-browser", "brave"), linux="BraveSoftware/Brave-Browser",
              macos="BraveSoftware/Brave-Browser"),
    _chromium("vivaldi", "Vivaldi", ("vivaldi", "vivaldi-stable"), linux="vivaldi", macos="Vivaldi"),
    _chromium("yandex", "Яндекс Браузер", ("yandex-browser", "yandex-browser-stable"), linux="yandex-browser",
              macos="Yandex"),
    _chromium("opera", "Opera", ("opera",), linux="opera", macos="Opera Software/Opera Stable"),
    _firefox("firefox", "Firefox", ("firefox", "firefox-esr"), linux=".mozilla", macos="Mozilla"),
    _firefox("librewolf", "LibreWolf", ("librewolf",), linux=".librewolf", macos="librewolf"),
    _firefox("waterfox", "Waterfox", ("waterfox",), linux=".waterfox"),
)  # fmt: skip


def content(family: Family, launcher: Path) -> dict[str, object]:
    """The manifest that lets our extension, and no other, start the launcher (an absolute path)."""
    common = {"name": NAME, "description": DESCRIPTION, "path": str(launcher), "type": "stdio"}
    if family == "chromium":
        return common | {"allowed_origins": [f"chrome-extension://{CHROMIUM_EXTENSION}/"]}
    return common | {"allowed_extensions": [FIREFOX_EXTENSION]}


def extension_of(arguments: Sequence[str]) -> str | None:
    """Which extension of ours a browser started the host for, out of the arguments it gave; None: not one of ours.

    Chromium gives ``chrome-extension://ID/`` first (on Windows a window handle after it), Firefox the manifest's path
    and the id.
    """
    if arguments and arguments[0] == f"chrome-extension://{CHROMIUM_EXTENSION}/":
        return CHROMIUM_EXTENSION
    if len(arguments) >= 2 and arguments[1] == FIREFOX_EXTENSION:
        return FIREFOX_EXTENSION
    return None
