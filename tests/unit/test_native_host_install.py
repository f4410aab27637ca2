"""Manifests: where they go, what they say, and that none stays behind."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.cli.context import context_from
from agent.cli.setup import command
from native_host import install, manifests
from native_host.manifests import BROWSERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A person with an empty home and no browser on the path."""
    monkeypatch.setenv("PATH", "/nonexistent")
    return {"HOME": str(home), "PERO_HOME": str(tmp_path / "pero"), "XDG_RUNTIME_DIR": str(tmp_path)}


def setup(environment: dict[str, str], capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert command.main(["--json", *arguments], obj=context_from(environment), standalone_mode=False) == 0
    return json.loads(capfd.readouterr().out)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_the_name_is_one_that_both_families_take() -> None:
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", manifests.NAME)  # Chrome's rule; MDN's is wider


def test_the_chromium_id_follows_from_the_key_in_the_manifest() -> None:
    """Chromium's ids: the first 16 bytes of SHA-256 over the SPKI, each half byte as a letter from a to p."""
    manifest = json.loads((ROOT / "browser_extension/manifests/chromium.json").read_text("utf-8"))
    digest = hashlib.sha256(base64.b64decode(manifest["key"])).hexdigest()[:32]
    assert "".join(chr(ord("a") + int(digit, 16)) for digit in digest) == manifests.CHROMIUM_EXTENSION


def test_the_firefox_id_is_the_manifests() -> None:
    manifest = json.loads((ROOT / "browser_extension/manifests/firefox.json").read_text("utf-8"))
    assert manifest["browser_specific_settings"]["gecko"]["id"] == manifests.FIREFOX_EXTENSION


def test_the_extension_asks_for_the_host_by_its_name() -> None:
    source = (ROOT / "browser_extension/source/background/agent_port.js").read_text("utf-8")
    assert f'const HOST = "{manifests.NAME}";' in source


@pytest.mark.parametrize(
    ("arguments", "extension"),
    [
        ([f"chrome-extension://{manifests.CHROMIUM_EXTENSION}/"], manifests.CHROMIUM_EXTENSION),
        ([f"chrome-extension://{manifests.CHROMIUM_EXTENSION}/", "--parent-window=0"], manifests.CHROMIUM_EXTENSION),
        (["/home/a/.mozilla/native-messaging-hosts/pero.agent.json", "agent@pero.local"], "agent@pero.local"),
        ([], None),
        (["chrome-extension://" + "a" * 32 + "/"], None),
        ([f"chrome-extension://{manifests.CHROMIUM_EXTENSION}.evil/"], None),
        (["agent@pero.local"], None),
        (["/manifest.json", "other@example"], None),
    ],
)
def test_only_our_extension_is_recognised(arguments: list[str], extension: str | None) -> None:
    assert manifests.extension_of(arguments) == extension


def test_every_browser_is_found_by_its_profile_on_linux(home: Path) -> None:
    for browser in BROWSERS:
        if folder := browser.profile.get("linux"):
            (home / folder).mkdir(parents=True)
    found = {browser.name for browser in install.found(home, which=lambda _: None)}
    assert found == {browser.name for browser in BROWSERS} - {"chromium-gost"}  # which shares Chromium's folder


def test_every_browser_is_found_by_its_program(home: Path) -> None:
    for browser in BROWSERS:
        for program in browser.commands:
            found = install.found(home, which=lambda name, wanted=program: name if name == wanted else None)
            assert [one.name for one in found] == [browser.name]


def test_nothing_is_written_for_browsers_that_are_not_there(
    environment: dict[str, str], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert setup(environment, capfd)["browsers"] == []
    assert everything(home) == set()


def test_setup_writes_a_manifest_for_each_browser_found_and_says_which(
    environment: dict[str, str], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / ".config/google-chrome").mkdir(parents=True)
    (home / ".mozilla").mkdir()
    printed = setup(environment, capfd)
    chrome = home / ".config/google-chrome/NativeMessagingHosts/pero.agent.json"
    firefox = home / ".mozilla/native-messaging-hosts/pero.agent.json"
    assert [(row["name"], row["manifest"]) for row in printed["browsers"]] == [
        ("chrome", str(chrome)),
        ("firefox", str(firefox)),
    ]
    for path, key, value in (
        (chrome, "allowed_origins", f"chrome-extension://{manifests.CHROMIUM_EXTENSION}/"),
        (firefox, "allowed_extensions", "agent@pero.local"),
    ):
        manifest = json.loads(path.read_text("utf-8"))
        assert manifest[key] == [value]
        assert (manifest["name"], manifest["type"]) == ("pero.agent", "stdio")
        assert manifest["path"] == printed["launcher"]
        assert Path(manifest["path"]).is_absolute()
    assert stat.S_IMODE(Path(printed["launcher"]).stat().st_mode) == 0o700


def test_remove_leaves_nothing_behind(
    environment: dict[str, str], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    (tmp_path / "profile").mkdir()
    before = everything(tmp_path)
    setup(environment, capfd, "--autostart", "--profile", str(tmp_path / "profile"))
    setup(environment, capfd)  # once more: the record of the first time must not be lost
    assert everything(tmp_path) != before
    removed = setup(environment, capfd, "--remove")["removed"]
    assert str(home / ".config/autostart/pero.desktop") in removed
    assert everything(tmp_path) == before


def test_remove_leaves_what_belongs_to_others(
    environment: dict[str, str], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hosts = home / ".mozilla/native-messaging-hosts"
    hosts.mkdir(parents=True)
    setup(environment | {"PERO_HOME": str(tmp_path / "another")}, capfd, "--autostart")
    (hosts / "other.json").write_text("{}", "utf-8")
    before = everything(home)
    (tmp_path / "pero").mkdir(mode=0o700)
    assert setup(environment, capfd, "--remove")["removed"] == []
    assert everything(home) == before


AWKWARD = 'it\'s $HOME `id` "quoted" %s \\ ключ'


def test_the_launcher_survives_every_character_in_a_path(tmp_path: Path) -> None:
    launcher = tmp_path / AWKWARD / "native-host"
    launcher.parent.mkdir(mode=0o700)
    install.write_launcher(launcher, tmp_path / AWKWARD / "no\nagent.sock")
    ended = subprocess.run([launcher], input=b"", capture_output=True, env={}, check=True, timeout=20)
    assert json.loads(ended.stdout[4:])["error"]["message"] == "not_running"
    assert ended.stderr == b""


@pytest.fixture
def desktop_entry(environment: dict[str, str], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    setup(environment | {"PERO_HOME": str(tmp_path / AWKWARD)}, capfd, "--autostart")
    return home / ".config/autostart/pero.desktop"


def test_the_autostart_entry_starts_the_agent_of_this_state_folder(desktop_entry: Path, tmp_path: Path) -> None:
    """Read back as the Desktop Entry Specification says: first the string's escapes, then the quoted arguments."""
    line = next(line for line in desktop_entry.read_text("utf-8").splitlines() if line.startswith("Exec="))
    value = re.sub(r"\\(.)", r"\1", line.removeprefix("Exec="))
    quoted = re.findall(r'"((?:\\.|[^"\\])*)"', value)
    words = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in quoted]
    assert words[:2] == ["env", f"PERO_HOME={tmp_path / AWKWARD}"]
    assert words[-1] == "run"
