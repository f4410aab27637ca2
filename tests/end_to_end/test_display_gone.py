"""The display ends while a question stands on it, and comes back: one question is lost, and nothing else (R10, R45)."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine, Ended
from tests.harness.display import Display
from tests.harness.keyfiles import PASSPHRASE, make_key_file

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
PATIENCE = 60.0  # seconds


class Screen:
    """An X server that can be ended and begun again under its number."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._number = display.environment["DISPLAY"]
        self._process: subprocess.Popen[bytes] | None = None

    def end(self) -> None:
        for process in self._display._processes:
            if "Xvfb" in str(process.args):
                process.kill()
                process.wait(PATIENCE)

    def begin(self) -> None:
        command = ["Xvfb", self._number, "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._display.until(self._answers, "a display", PATIENCE)

    def _answers(self) -> bool:
        done = subprocess.run(
            ["xdpyinfo"], env=self._display.environment, capture_output=True, timeout=PATIENCE, check=False
        )
        return done.returncode == 0

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)


@pytest.fixture
def display() -> Iterator[Display]:
    with Display(window_manager=False, apart=True) as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


def test_a_question_is_lost_with_its_display_and_the_next_one_is_asked_where_it_is_back(
    display: Display, pero: CommandLine
) -> None:
    assert pero.run("keyfile", "add", make_key_file(pero.folder, "p256").path, pin=PASSPHRASE).status == 0
    (pero.folder / "contract.txt").write_bytes(b"contract")
    with contextlib.closing(Screen(display)) as screen, pero.agent() as agent:
        asked = Asked(pero)
        display.wait_for_window("Sign this", deadline=PATIENCE)
        screen.end()
        lost = asked.ended()
        assert (lost.status, "window went away" in lost.complaint) == (3, True)
        assert agent.poll() is None
        unseen = pero.run("sign", "contract.txt", pin=PASSPHRASE)  # needs no window
        assert unseen.status == 0, unseen.complaint
        nowhere = pero.run("desk")
        assert (nowhere.status, "cannot show its window" in nowhere.complaint) == (3, True)
        screen.begin()
        (pero.folder / "contract.txt.p7s").unlink()
        again = Asked(pero)
        display.wait_for_window("Sign this", deadline=PATIENCE)
        display.wait_until_ready("Refuse", deadline=PATIENCE)
        display.click("Refuse")
        assert "You refused" in again.ended().complaint
        assert agent.poll() is None


class Asked:
    """A signature that a person is asked for, meanwhile."""

    def __init__(self, pero: CommandLine) -> None:
        self._ended: list[Ended] = []
        self._thread = threading.Thread(target=lambda: self._ended.append(pero.run("sign", "contract.txt")))
        self._thread.start()

    def ended(self) -> Ended:
        self._thread.join(PATIENCE)
        (ended,) = self._ended
        return ended
