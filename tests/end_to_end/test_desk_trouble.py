"""The icon when signing does not work, and in another language (R22, R32)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.app import Agent, Composition
from agent.desktop import trouble
from agent.policy import Policy
from tests.harness.command_line import CommandLine
from tests.harness.desktop_bus import DesktopBus
from tests.harness.display import DEADLINE, Display

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


@contextlib.asynccontextmanager
async def agent(pero: CommandLine) -> AsyncIterator[Composition]:
    composition = Composition(pero.environment, pero.places, policy=Policy())
    composition.look_quickly()
    running = Agent(composition, ports=(), desktop=pero.environment)
    await running.start()
    try:
        yield composition
    finally:
        await running.stop()


async def test_the_icon_says_what_is_wrong_and_when_it_is_mended(
    display: Display, pero: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "TELLING", frozenset({"modules.loadable"}))  # no PC/SC service stands here
    monkeypatch.setattr(trouble, "AGAIN", 0.2)
    broken = pero.folder / "broken.so"
    broken.write_bytes(b"no library")
    async with DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"]) as desktop, agent(pero) as composition:
        icon = await desktop.icon()
        assert (await icon.look())["IconName"] == "pero"
        pero.settings(modules=(str(broken),))
        await composition.services.quick_look.findings()
        seen = await icon.wait("pero-trouble")
        assert "Signing does not work now" in str(seen["ToolTip"])
        assert "broken.so" in str(seen["ToolTip"])
        pero.settings()
        await icon.wait("pero")


async def test_the_menu_changes_its_language_at_once(display: Display, pero: CommandLine) -> None:
    async with DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"]) as desktop, agent(pero):
        icon = await desktop.icon()
        assert "Settings" in [words for _, words, _ in await icon.menu()]
        changed = await asyncio.to_thread(pero.run, "settings", "set", "language", "ru")
        assert changed.status == 0, changed.complaint
        async with asyncio.timeout(DEADLINE):
            while "Настройки" not in [words for _, words, _ in await icon.menu()]:
                await asyncio.sleep(0.05)
