"""The page of care as a person uses it, by keyboard and screen reader (R39, R44, R45)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.desktop_bus import DesktopBus
from tests.harness.display import Display
from tests.harness.keyfiles import KeyFile, make_key_file

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
LIMIT = 60.0  # seconds, of which a quiet machine takes a few
OLD, NEW = "12345678", "cow on the moon"


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


@contextlib.contextmanager
def page(pero: CommandLine, display: Display) -> Iterator[None]:
    """The agent runs, and its window shows the page."""
    with pero.agent():
        opened = pero.run("desk", "care")
        assert opened.status == 0, opened.complaint
        display.wait_for_window("Key care", deadline=LIMIT)
        yield


def kept(pero: CommandLine) -> KeyFile:
    made = make_key_file(pero.folder, "p256", passphrase=OLD, name="director.pfx")
    assert pero.run("keyfile", "add", made.path, pin=OLD).status == 0
    return made


def says(display: Display, words: str) -> None:
    """Wait until something on the screen has these words in its name or its text."""
    display.until(lambda: any(words in (node["name"] or "") for node in display.accessible.tree()), words, LIMIT)


def tab(display: Display, name: str) -> None:
    display.wait_for_accessible(name, role="page tab", deadline=LIMIT)
    display.accessible.act(name)


def kinds(pero: CommandLine) -> list[str]:
    return [entry["kind"] for entry in pero.run("journal", "list", "--json").json["entries"]]


def test_a_weak_passphrase_is_told_and_changed_by_keys_alone(display: Display, pero: CommandLine) -> None:
    made = kept(pero)
    with page(pero, display):
        says(display, "easy to guess")
        display.wait_until_ready("Change the passphrase…", deadline=LIMIT)
        display.press("alt+c")
        display.wait_for_accessible("New passphrase", role="password text", deadline=LIMIT)
        display.wait_for_window("Pero", deadline=LIMIT)
        display.until(display._pin_field_is_ready, "a field that takes keys", LIMIT)
        display.type_keys(OLD)
        display.press("Return")
        display.type_keys("director-2026-x")
        says(display, "a part of the name of the file or of its owner is in it")
        display.press("ctrl+a")
        display.type_keys(NEW)
        display.press("Return")
        display.type_keys(NEW)
        display.wait_until_ready("Change", deadline=LIMIT)
        display.press("Return")
        says(display, "Copies made before still open with the old one")
    (folder,) = (Path(pero.environment["PERO_HOME"]) / "keyfiles").iterdir()
    for passphrase, status in ((NEW, 0), (OLD, 1)):
        opened = subprocess.run(
            ["openssl", "pkcs12", "-in", folder / "key.p12", "-noout", "-passin", f"pass:{passphrase}"],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert opened.returncode == status
    assert folder.name == made.identity.thumbprint
    listed = json.loads(pero.run("care", "passphrases", "--json").output)["key_files"]
    assert [(file["weak"], file["old"]) for file in listed] == [(False, False)]
    assert "token_change_pin" in kinds(pero)


def test_copies_are_found_told_about_and_deleted_after_a_word(display: Display, pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    cloud = Path(pero.environment["HOME"]) / "Dropbox"
    cloud.mkdir(parents=True)
    copy = Path(shutil.copy(made.path, cloud / "copy.pfx"))
    with page(pero, display):
        tab(display, "Copies of keys")
        display.click("Search", deadline=LIMIT)
        says(display, str(copy))
        says(display, "goes to a cloud (Dropbox)")
        says(display, "Only its passphrase protects it")
        display.click("Delete…", deadline=LIMIT)
        says(display, "This copy of a key will be gone for ever")
        display.press("Return")  # goes back
        display.wait_for_no_window("Delete", deadline=LIMIT)
        assert copy.exists()
        display.click("Delete…", deadline=LIMIT)
        display.click("Delete", deadline=LIMIT)
        says(display, f"Deleted: {copy}")
        assert not copy.exists()
    assert {"find_strays", "delete_stray"} <= set(kinds(pero))


def test_a_lost_key_stops_signing_and_gives_the_words_to_revoke_it(display: Display, pero: CommandLine) -> None:
    made = kept(pero)
    serial = f"{made.identity.certificate.serial_number:040X}"
    with page(pero, display):
        tab(display, "A key may be lost")
        says(display, "director.pfx")
        display.press("alt+h")
        display.type_keys("The bag was stolen")
        display.press("alt+s")
        says(display, "Signing is paused and every login forgotten")
        says(display, "within one working day")
        display.wait_until_ready("Copy the application", deadline=LIMIT)
        statement = display.accessible.find(name="Application to revoke a certificate", role="text")
        assert statement, display._describe()
        assert os.path.lexists(Path(pero.environment["PERO_HOME"]) / "paused")
        display.press("alt+v")
        display.wait_for_window("Application to revoke a certificate", deadline=LIMIT)
        display.type_keys(str(pero.folder / "application.txt"))
        display.press("Return")
        says(display, "The application is saved")
        display.click("Go on signing", deadline=LIMIT)
        says(display, "Signing goes on.")
        assert not os.path.lexists(Path(pero.environment["PERO_HOME"]) / "paused")
    words = (pero.folder / "application.txt").read_text("utf-8")
    assert serial.lstrip("0") in words
    assert "The bag was stolen" in words
    assert "report_lost" in kinds(pero)


async def test_an_old_passphrase_is_told_by_a_notification_that_opens_the_page(
    display: Display, pero: CommandLine
) -> None:
    made = kept(pero)
    record = pero.places.key_files / made.identity.thumbprint / "about.json"
    facts = json.loads(record.read_text())
    facts["added"] = f"{datetime.now(UTC) - timedelta(days=400):%Y-%m-%dT%H:%M:%SZ}"
    record.write_text(json.dumps(facts))
    pero.settings(quiet_hours="")
    async with DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"]) as desktop:
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, pero.agent())
            notice = await desktop.notice("Change a passphrase")
            assert "director.pfx has been the same for 400 days" in notice.body
            await (await desktop.icon()).look()  # the agent knows the notification's number by now
            desktop.press(notice, "open:care")
            await asyncio.to_thread(display.wait_for_window, "Key care", deadline=LIMIT)
    assert "passphrase_reminded" in kinds(pero)


def test_one_button_forgets_everything_and_pauses(display: Display, pero: CommandLine) -> None:
    with page(pero, display):
        display.click("Forget all PINs and pause signing", deadline=LIMIT)
        says(display, "nothing is signed, whoever asks")
        assert pero.run("sign", "contract.txt", pin=OLD).status != 0
        display.click("Go on signing", deadline=LIMIT)
        says(display, "Pero signs when a site asks and you agree.")
    assert {"pause", "resume"} <= set(kinds(pero))
