"""`pero diagnose --window`: seen by a screen reader, used by keyboard, and mending what it says it mends."""

from __future__ import annotations

import contextlib
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import PERO, CommandLine
from tests.harness.display import DEADLINE, Display
from tests.harness.keyfiles import make_identity
from tests.harness.softhsm import make_softhsm

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line
    display.wait_for_no_window("Pero")


@contextlib.contextmanager
def doctor(pero: CommandLine, *areas: str) -> Iterator[subprocess.Popen[str]]:
    given = [part for area in areas for part in ("--area", area)]
    with subprocess.Popen(
        [PERO, "diagnose", "--window", *given], env=pero.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def items(display: Display) -> list[str]:
    return [node["name"] for node in display.accessible.find(role="list item")]


def details(display: Display) -> str:
    return next((node["text"] or "" for node in display.accessible.find(name="Details") if node["text"]), "")


def closed(process: subprocess.Popen[str]) -> int:
    said, _ = process.communicate(timeout=DEADLINE)
    assert said == ""
    return process.returncode


def test_a_manifest_that_is_missing_is_shown_mended_by_keyboard_and_gone(pero: CommandLine, display: Display) -> None:
    browser = pero.folder / "home" / ".config" / "chromium"
    browser.mkdir(parents=True)
    with doctor(pero, "browsers") as process:
        display.wait_for_window("Pero")
        display.until(lambda: any("Chromium" in name for name in items(display)), "the missing manifest")
        first = items(display)[0]
        assert first.startswith("Warning."), "the worst is first, and its status is a word"
        display.until(lambda: "browsers.manifests" in details(display), "what is known of it")
        assert "Pero can mend this" in details(display)
        assert str(browser) in details(display), "what would be done is said before"
        display.wait_until_ready("Mend…")
        display.press("alt+m")
        display.wait_for_accessible("Leave it", state="focused")
        display.press("Escape")
        display.wait_for_accessible("Mend…")
        assert not list(browser.rglob("*.json")), "nothing is done where the person does not agree"
        display.press("alt+m")
        display.wait_for_accessible("Leave it", state="focused")
        display.press("alt+m")
        display.until(lambda: "In order." in " ".join(items(display)[:1]), "all in order")
        assert list(browser.rglob("pero.agent.json"))
        display.press("Escape")
        assert closed(process) == 0


def test_looking_again_finds_what_came_meanwhile_and_the_report_is_saved(pero: CommandLine, display: Display) -> None:
    target = pero.folder / "report.html"
    with pero.agent(), doctor(pero, "agent") as process:
        display.wait_for_window("Pero")
        display.until(
            lambda: items(display) and not any(name.startswith("Error.") for name in items(display)), "no error"
        )
        pero.places.state.chmod(0o755)
        display.press("F5")
        display.until(lambda: items(display)[0].startswith("Error."), "the open folder")
        display.wait_until_ready("Save report…")
        display.press("alt+s")
        display.wait_for_accessible("Save", deadline=DEADLINE)
        display.press("ctrl+a")
        display.type_keys(str(target))
        display.press("Return")
        display.until(target.exists, "the page on the disk")
        assert "agent.files" in target.read_text()
        pero.places.state.chmod(0o700)
        display.wait_for_window("Pero")
        display.press("ctrl+w")
        assert closed(process) == 2


@pytest.mark.parametrize(("language", "list_name"), [("ru", "Что найдено"), ("en", "What was found")])
def test_all_of_it_is_in_the_language_of_the_person(
    pero: CommandLine, display: Display, language: str, list_name: str
) -> None:
    pero.environment["LANG"] = f"{language}.UTF-8"
    with doctor(pero, "agent", "browsers") as process:
        display.wait_for_window("Pero")
        display.wait_for_accessible(list_name, state="focused")
        display.until(lambda: len(items(display)) > 1, "the findings")
        names = [node["name"] or "" for node in display.accessible.tree()]
        assert not [name for name in names if name.startswith(("doctor.", "check.", "button."))]
        display.press("Escape")
        closed(process)


def test_without_a_display_it_says_so(pero: CommandLine) -> None:
    del pero.environment["DISPLAY"]
    ended = pero.run("diagnose", "--window")
    assert (ended.status, ended.output) == (3, "")
    assert "window" in ended.complaint


def test_no_name_label_path_or_pin_is_in_the_bundle_of_a_machine_that_signed(pero: CommandLine) -> None:
    tokens = pero.folder / "canary-tokens"
    tokens.mkdir()
    identity = make_identity("p256", "Канарейкин Пётр")
    token = make_softhsm(tokens, "p256", label="LABEL-canary", identity=identity)
    pero.use_tokens(tokens)
    (pero.folder / "canary-contract.txt").write_text("canary")
    with pero.agent():
        assert pero.run("sign", "canary-contract.txt", pin=token.pin).status == 0
        assert pero.run("sign", "canary-contract.txt", "--output", "again.p7s", pin="0000").status == 3
        ended = pero.run("diagnose", "--bundle", "help.zip", "--yes")
        asked = pero.run("diagnose", "--bundle", "other.zip")
    assert not (pero.folder / "other.zip").exists(), "nobody agreed"
    assert '"findings"' in asked.output, "it was shown all the same"
    with zipfile.ZipFile(pero.folder / "help.zip") as file:
        (held,) = (file.read(name).decode() for name in file.namelist())
    assert held.strip() in ended.output, "what was saved is what was shown"
    canaries = ("Канарейкин", "anary", token.pin, str(pero.folder), "softhsm2.conf")
    assert [canary for canary in canaries if canary in held] == []
    told = json.loads(held)
    assert identity.thumbprint in held
    outcomes = [row["facts"].get("outcome") for row in told["journal"] if row["kind"] == "outcome"]
    assert outcomes == ["signed", "pin_incorrect"]
    assert any(" started version=" in line for line in told["log"])
    assert any("error=pin_incorrect" in line for line in told["log"])
    assert told["history"][-1]["versions"]["machine Pero"]
    assert (pero.folder / "help.zip").stat().st_mode & 0o777 == 0o600
