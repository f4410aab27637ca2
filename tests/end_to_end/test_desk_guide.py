"""The guide of the first run and the page of the doctor, as a person goes through them by keyboard (R6, R22, R23)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.desktop import doctor_messages
from agent.desktop.messages import MAX_MESSAGE, decode_to_window, encode
from agent.diagnostics import history
from native_host import framing
from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.gost_token import make_gost_token
from tests.harness.keyfiles import make_key_file
from tests.harness.places import built_fault_module
from tests.harness.softhsm import MODULE, make_softhsm

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
LIMIT = 60.0  # seconds
HANG = "C_GetTokenInfo hang\n"
GUIDE, DIAGNOSIS = "First steps — Pero", "Diagnosis — Pero"
DESK, DOCTOR = "agent.desktop.windows.desk.main", "agent.cli.doctor_main"


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line
    display.wait_for_no_window("— Pero", deadline=LIMIT)


def manifest(pero: CommandLine) -> Path:
    return pero.folder / "home/.config/chromium/NativeMessagingHosts/pero.agent.json"


@contextlib.contextmanager
def opened(pero: CommandLine, display: Display, page: str, title: str) -> Iterator[psutil.Process]:
    """The agent runs, and its window shows the page."""
    with pero.agent() as process:
        ended = pero.run(*(("guide",) if page == "guide" else ("desk", page)))
        assert ended.status == 0, ended.complaint
        display.wait_for_window(title, deadline=LIMIT)
        yield psutil.Process(process.pid)


def says(display: Display, words: str) -> None:
    """Wait until something on the screen has these words in its name."""
    display.until(lambda: any(words in (node["name"] or "") for node in display.accessible.tree()), words, LIMIT)


def goes_on(display: Display, step: str) -> None:
    display.click("Next", deadline=LIMIT)
    says(display, step)


def children(agent: psutil.Process, module: str) -> list[psutil.Process]:
    found = []
    for child in agent.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if module in child.cmdline():
                found.append(child)
    return found


def hanging(pero: CommandLine) -> Path:
    """There is a token, and a driver that hangs when it is asked for it, from when `HANG` stands in this file."""
    make_softhsm(pero.folder)
    faults = pero.folder / "faults"
    pero.environment |= {"PERO_FAULT_MODULE": MODULE, "PERO_FAULT_FILE": str(faults)}
    pero.settings(modules=(built_fault_module(),))
    return faults


def test_a_newcomer_is_guided_once_and_not_again(display: Display, pero: CommandLine) -> None:
    pero.places.settings.unlink()  # nobody has used Pero here
    with pero.agent():
        display.wait_for_window(GUIDE, deadline=LIMIT)
        display.until(pero.places.guide.exists, "that it is remembered", LIMIT)
        display.press("ctrl+w")  # half-way
        display.wait_for_no_window(GUIDE, deadline=LIMIT)
    with pero.agent() as process:
        assert pero.run("sites", "list").status == 0
        assert children(psutil.Process(process.pid), DESK) == []
        assert pero.run("guide").status == 0
        display.wait_for_window(GUIDE, deadline=LIMIT)


def test_the_guide_mends_finds_a_key_file_and_makes_a_test_signature(display: Display, pero: CommandLine) -> None:
    (pero.folder / "home/.config/chromium").mkdir(parents=True)
    made = make_key_file(pero.folder, "p256", passphrase="ascii-words")
    entry = pero.folder / "home/.config/autostart/pero.desktop"
    with opened(pero, display, "guide", GUIDE):
        display.click("Start Pero when I log in", deadline=LIMIT)
        display.until(entry.exists, "the entry", LIMIT)
        goes_on(display, "Step 2 of 4")
        says(display, "Warning. Chromium")
        (item,) = [row["name"] for row in display.accessible.find(role="list item") if "Chromium:" in row["name"]]
        assert str(manifest(pero)) in item
        display.until(lambda: choose(display, "Chromium:"), "the row of Chromium", LIMIT)
        display.wait_until_ready("Mend…", deadline=LIMIT)
        display.press("alt+m")
        display.wait_for_accessible("Leave it", state="focused", deadline=LIMIT)
        display.press("alt+m")
        display.until(manifest(pero).exists, "the manifest", LIMIT)
        says(display, "Mended.")
        display.wait_until_ready("Check again", deadline=LIMIT)
        goes_on(display, "Step 3 of 4")
        says(display, "No key is here yet.")
        display.click("Open a key file…", deadline=LIMIT)
        display.wait_for_window("Open a key file", deadline=LIMIT)
        display.type_keys(str(made.path))
        display.press("Return")
        display.sign("ascii-words", button="Add", deadline=LIMIT)
        says(display, "Your key was found.")
        display.wait_for_window(GUIDE)
        display.click("Make a test signature", deadline=LIMIT)
        display.sign("ascii-words", deadline=LIMIT)
        says(display, "The test signature was made and verified")
        display.wait_for_window(GUIDE)
        goes_on(display, "Step 4 of 4")
        display.click("Finish", deadline=LIMIT)
        display.wait_for_window("Certificates — Pero", deadline=LIMIT)
    outcomes = [row["facts"].get("outcome") for row in pero.run("journal", "list", "--json").json["entries"]]
    assert "signed" in outcomes


def choose(display: Display, words: str) -> bool:
    """Down through the list of what was found, until the row with these words is the chosen one."""
    (there,) = [row for row in display.accessible.find(role="list item") if words in row["name"]]
    if "selected" in there["states"]:
        return True
    x, y, width, height = there["extents"]
    display.click_at(x + width // 2, y + height // 2)
    return False


def test_the_guide_waits_for_a_token_and_sees_it_come_and_go(display: Display, pero: CommandLine) -> None:
    token = make_gost_token(pero.folder / "tokens")
    pero.use_gost_token(token)
    token.pull()
    with opened(pero, display, "guide", GUIDE):
        goes_on(display, "Step 2 of 4")
        goes_on(display, "Step 3 of 4")  # without waiting for the end of the look
        says(display, "No key is here yet.")
        token.push()
        says(display, "Your key was found.")
        display.wait_until_ready("Make a test signature", deadline=LIMIT)
        token.pull()
        says(display, "No key is here yet.")
        display.wait_until_ready("Make a test signature", enabled=False, deadline=LIMIT)


def test_a_driver_that_hangs_is_named_and_the_guide_goes_on(display: Display, pero: CommandLine) -> None:
    faults = hanging(pero)
    faults.write_text(HANG)
    with opened(pero, display, "guide", GUIDE):
        goes_on(display, "Step 2 of 4")
        goes_on(display, "Step 3 of 4")
        says(display, Path(built_fault_module()).name)
        goes_on(display, "Step 4 of 4")
        faults.unlink()


def test_the_guide_goes_on_where_it_was_when_its_agent_is_killed_and_another_one_starts(
    display: Display, pero: CommandLine
) -> None:
    pero.use_gost_token(make_gost_token(pero.folder / "tokens"))
    with opened(pero, display, "guide", GUIDE) as agent:
        goes_on(display, "Step 2 of 4")
        goes_on(display, "Step 3 of 4")
        says(display, "Your key was found.")
        os.kill(agent.pid, signal.SIGKILL)
        says(display, "agent of Pero has ended")
    with pero.agent():
        says(display, "Pero's agent runs again")
        says(display, "Step 3 of 4")
        display.wait_until_ready("Make a test signature", deadline=LIMIT)


def test_a_doctor_ends_with_his_window(display: Display, pero: CommandLine) -> None:
    faults = hanging(pero)
    faults.write_text(HANG)
    with opened(pero, display, "guide", GUIDE) as agent:
        goes_on(display, "Step 2 of 4")
        (doctor,) = display.until(lambda: children(agent, DOCTOR), "a doctor who looks", LIMIT)
        (window,) = children(agent, DESK)
        window.kill()
        doctor.wait(LIMIT)
        faults.unlink()


def test_the_page_of_the_doctor_looks_quickly_then_at_everything_and_saves(display: Display, pero: CommandLine) -> None:
    (pero.folder / "home/.config/chromium").mkdir(parents=True)
    target, remembered = pero.folder / "report.html", pero.places.state / history.NAME
    with opened(pero, display, "diagnosis", DIAGNOSIS):
        says(display, "Warning. Chromium")
        assert not remembered.exists(), "a quick look is no part of the history"
        display.click("Copy report", deadline=LIMIT)
        says(display, "The report was copied.")
        display.click("Save report…", deadline=LIMIT)
        display.wait_for_window("Where to save the report", deadline=LIMIT)
        display.press("ctrl+a")
        display.type_keys(str(target))
        display.press("Return")
        display.until(target.exists, "the report", LIMIT)
        says(display, "The report was saved")
        display.wait_for_window(DIAGNOSIS)
        display.click("Check everything", deadline=LIMIT)
        display.until(remembered.exists, "the whole look in the history", LIMIT)
        display.wait_until_ready("Check again", deadline=LIMIT)
    assert "browsers.manifests" in target.read_text()


def test_a_repair_whose_window_goes_at_once_is_made_and_the_page_comes_back(
    display: Display, pero: CommandLine
) -> None:
    """As where the repair ends the agent, and the agent its window."""
    (pero.folder / "home/.config/chromium").mkdir(parents=True)
    ours, theirs = socket.socketpair()
    with pero.agent(), ours, theirs:
        command = [sys.executable, "-P", "-m", DOCTOR, str(theirs.fileno())]
        with subprocess.Popen(command, env=pero.environment, pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            ours.settimeout(LIMIT)
            ours.sendall(framing.pack(encode(doctor_messages.ExamineAgain("quick"))))
            while not isinstance(message := _next(ours), doctor_messages.Examined):
                assert isinstance(message, doctor_messages.Examining)
            ours.sendall(framing.pack(encode(doctor_messages.MendThis("manifests_written"))))
            ours.close()
            assert process.wait(LIMIT) == 0
        assert manifest(pero).exists()
        display.wait_for_window(DIAGNOSIS, deadline=LIMIT)


def _next(connection: socket.socket) -> object:
    frame = framing.read(connection.recv, limit=MAX_MESSAGE)
    assert frame is not None
    return decode_to_window(frame)


def test_a_look_at_a_driver_that_hangs_can_be_stopped(display: Display, pero: CommandLine) -> None:
    faults = hanging(pero)
    with opened(pero, display, "diagnosis", DIAGNOSIS):
        display.wait_until_ready("Check everything", deadline=LIMIT)
        faults.write_text(HANG)  # it is given up after half a minute
        display.click("Check everything")
        display.click("Stop", deadline=LIMIT)
        says(display, "The check was stopped.")
        display.wait_until_ready("Check everything", deadline=LIMIT)
        assert not (pero.places.state / history.NAME).exists()
        faults.unlink()


def test_the_guide_speaks_the_language_that_is_chosen_in_it(display: Display, pero: CommandLine) -> None:
    with opened(pero, display, "guide", GUIDE):
        display.wait_for_accessible("Start Pero when I log in", deadline=LIMIT)
        until_focused(display, "As the system")
        display.press("Down")
        display.wait_for_window("Первые шаги — Pero", deadline=LIMIT)
        says(display, "Шаг 1 из 4")
    assert json.loads(pero.places.settings.read_text())["language"] == "ru"


def until_focused(display: Display, name: str) -> None:
    """Tab through the window until this has the focus."""
    for _ in range(80):
        before = focused(display)
        if any(name == seen for _, seen in before):
            return
        display.press("Tab")
        display.until(lambda before=before: focused(display) != before, "another focus", LIMIT)  # type: ignore[misc]
    raise AssertionError(f"{name} cannot be reached by Tab")


def focused(display: Display) -> list[tuple[int, str]]:
    nodes = enumerate(display.accessible.tree())
    return [(place, node["name"] or "") for place, node in nodes if "focused" in node["states"]]
