"""Pero's window when its agent is killed: it says so, keeps what was typed, and goes on with the next agent (R47)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.command_line import CommandLine
from tests.harness.display import Display

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
PATIENCE = 60.0  # seconds


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


def kill(agent: subprocess.Popen[str]) -> psutil.Process:
    """The agent ends without a word; its window."""
    window = next(
        child for child in psutil.Process(agent.pid).children() if "agent.desktop.windows.desk.main" in child.cmdline()
    )
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait()
    return window


def test_a_window_whose_agent_is_killed_says_so_and_finds_the_next_one(display: Display, pero: CommandLine) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(pero.agent())
        assert pero.run("desk", "sites").status == 0
        window = display.wait_for_window("Sites")
        process = kill(first)
        display.wait_for_accessible("Start it again", deadline=PATIENCE)
        display.until(lambda: says(display, "agent of Pero has ended"), "that the agent ended", PATIENCE)
        second = stack.enter_context(pero.agent())
        display.until(lambda: says(display, "Pero's agent runs again"), "that an agent is there", PATIENCE)
        assert pero.run("desk", "journal").status == 0
        assert display.wait_for_window("Journal", deadline=PATIENCE) == window  # the same one, and no second
        assert process.is_running()
        second.send_signal(signal.SIGTERM)
        display.wait_for_no_window("Pero", deadline=PATIENCE)  # an agent that ends in good order takes it along


def test_the_window_starts_an_agent_itself(display: Display, pero: CommandLine) -> None:
    with pero.agent() as first:
        assert pero.run("desk", "sites").status == 0
        display.wait_for_window("Sites")
        kill(first)
        display.wait_for_accessible("Start it again", deadline=PATIENCE)
        display.click("Start it again")
        display.until(lambda: says(display, "Pero's agent runs again"), "that an agent is there", PATIENCE)
        assert pero.run("stop", "--json").json == {"stopped": True}
        display.wait_for_no_window("Pero", deadline=PATIENCE)


def says(display: Display, words: str) -> bool:
    return any(words in (node["name"] or "") for node in display.accessible.tree())
