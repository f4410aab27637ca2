"""The icon on bare X11: pystray's, in a system tray of old (R45, R10). The tray is the test's own, written from the
specification's side."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.display import DEADLINE, Display
from tests.harness.places import ROOT
from tests.harness.system_tray import SystemTray

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
_MENU_BUTTON = 3
_LIKE = 6.0  # of 255, between what one and another program make of a picture; two of our icons are 20 apart


@pytest.fixture
def display() -> Iterator[Display]:
    with Display(apart=True) as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


@contextlib.asynccontextmanager
async def agent(pero: CommandLine) -> AsyncIterator[subprocess.Popen[str]]:
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, pero.agent())


def system_tray(display: Display) -> SystemTray:
    return SystemTray(display.environment)


def looks_like(tray: SystemTray, icon: str) -> None:
    tray.wait_for_picture(ROOT / "agent" / "desktop" / "icons" / f"{icon}.png", _LIKE)


async def test_the_icon_is_docked_and_drawn_and_its_menu_ends_the_agent(display: Display, pero: CommandLine) -> None:
    async with agent(pero) as process:
        with system_tray(display) as tray:
            x, y = await asyncio.to_thread(tray.wait_for_icon)
            await asyncio.to_thread(looks_like, tray, "pero")
            assert tray.asked == 1
            await asyncio.to_thread(display.click_at, x, y)
            await asyncio.to_thread(display.wait_for_window, "Certificates")
            await asyncio.to_thread(pero.run, "pause")
            await asyncio.to_thread(looks_like, tray, "pero-paused")
        with system_tray(display) as tray:  # the panel ended and came anew
            await asyncio.to_thread(tray.wait_for_icon)
            await asyncio.to_thread(looks_like, tray, "pero-paused")
            await asyncio.to_thread(display.click_at, x, y, button=_MENU_BUTTON)
            await asyncio.to_thread(display.wait_for_window, "Pero: menu", front=False)
            await asyncio.to_thread(display.press, "Up", "Return")  # the last row
            assert await asyncio.to_thread(process.wait, DEADLINE) == 0
