"""The page of settings: Pero's window under Xvfb, driven by keys and by what a screen reader sees (R18, R32, R47)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.app import Agent, Composition
from agent.config import load_settings
from agent.policy import Policy
from tests.harness.command_line import CommandLine
from tests.harness.display import Display

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
PAGE = "Settings — Pero"


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
async def opened(pero: CommandLine, display: Display, policy: Policy | None = None) -> AsyncIterator[Composition]:
    """An agent in this process, under a policy, with the page of settings before the person."""
    composition = Composition(pero.environment, pero.places, policy=policy or Policy())
    agent = Agent(composition, ports=(), desktop=pero.environment)
    await agent.start()
    try:
        await composition.services.open_desk("settings", ())
        await asyncio.to_thread(display.wait_for_window, PAGE)
        await asyncio.to_thread(display.wait_for_accessible, "Start Pero when I log in")
        yield composition
    finally:
        await agent.stop()


async def until_kept(pero: CommandLine, name: str, value: object) -> None:
    async with asyncio.timeout(30):
        while getattr(load_settings(pero.places.settings), name) != value:
            await asyncio.sleep(0.05)


def shows(display: Display, part: str) -> None:
    display.until(lambda: any(part in (node["name"] or "") for node in display.accessible.tree()), part)


def focused(display: Display) -> list[tuple[int, str]]:
    """Where the focus is, by place in the tree and name."""
    nodes = enumerate(display.accessible.tree())
    return [(place, node["name"] or "") for place, node in nodes if "focused" in node["states"]]


def until_focused(display: Display, name: str) -> None:
    """Tab through the page until this has the focus."""
    for _ in range(80):
        before = focused(display)
        if any(name == seen for _, seen in before):
            return
        display.press("Tab")
        display.until(lambda before=before: focused(display) != before, "another focus")  # type: ignore[misc]
    raise AssertionError(f"{name} cannot be reached by Tab")


async def test_a_setting_is_changed_by_keys_alone_and_said(display: Display, pero: CommandLine) -> None:
    async with opened(pero, display):
        await asyncio.to_thread(until_focused, display, "Quiet hours")
        await asyncio.to_thread(display.press, "ctrl+a")
        await asyncio.to_thread(display.type_keys, "21:30-07:00")
        await asyncio.to_thread(display.press, "Return")
        await until_kept(pero, "quiet_hours", "21:30-07:00")
        await asyncio.to_thread(shows, display, "Saved: Quiet hours")
        await asyncio.to_thread(display.press, "ctrl+a")
        await asyncio.to_thread(display.type_keys, "at night")
        await asyncio.to_thread(display.press, "Return")
        await asyncio.to_thread(shows, display, "What was given does not fit “Quiet hours”")
        assert load_settings(pero.places.settings).quiet_hours == "21:30-07:00"


async def test_the_language_changes_at_once_in_the_window_and_for_the_agent(
    display: Display, pero: CommandLine
) -> None:
    async with opened(pero, display) as composition:
        await asyncio.to_thread(until_focused, display, "As the system")  # Qt names it by its value here
        await asyncio.to_thread(display.press, "Down")
        await asyncio.to_thread(display.wait_for_window, "Настройки — Pero")
        await asyncio.to_thread(shows, display, "Язык")
        assert composition.services.language == "ru"


async def test_what_the_administrator_set_is_shown_locked_and_says_so(display: Display, pero: CommandLine) -> None:
    policy = Policy(proxy="http://proxy.example:3128", locked=("autostart",))
    async with opened(pero, display, policy):
        await asyncio.to_thread(shows, display, "Set by your administrator.")
        (proxy,) = await asyncio.to_thread(display.accessible.find, name="Proxy", role="text")
        assert proxy["text"] == "http://proxy.example:3128"
        assert "enabled" not in proxy["states"]
        (starts,) = await asyncio.to_thread(display.accessible.find, name="Start Pero when I log in", role="check box")
        assert "enabled" not in starts["states"]
        (hours,) = await asyncio.to_thread(display.accessible.find, name="Quiet hours", role="text")
        assert "enabled" in hours["states"]


async def test_starting_at_login_is_a_tick(display: Display, pero: CommandLine) -> None:
    entry = Path(pero.environment["HOME"]) / ".config/autostart/pero.desktop"
    async with opened(pero, display):
        await asyncio.to_thread(display.click, "Start Pero when I log in")
        async with asyncio.timeout(30):
            while not entry.exists():
                await asyncio.sleep(0.05)
        assert str(pero.places.state) in entry.read_text()
        await asyncio.to_thread(shows, display, "Saved: Start Pero when I log in")
        await asyncio.to_thread(display.click, "Start Pero when I log in")
        async with asyncio.timeout(30):
            while entry.exists():
                await asyncio.sleep(0.05)


async def test_a_list_is_added_to_in_a_form(display: Display, pero: CommandLine) -> None:
    async with opened(pero, display):
        await asyncio.to_thread(until_focused, display, "Add: Portals whose way is tried")
        await asyncio.to_thread(display.press, "space")
        await asyncio.to_thread(display.wait_for_window, "Portals whose way is tried")
        await asyncio.to_thread(display.type_keys, "https://portal.example/")
        await asyncio.to_thread(display.press, "Return")
        async with asyncio.timeout(30):
            while not (portals := load_settings(pero.places.settings).portals):
                await asyncio.sleep(0.05)
        assert [(one.url, one.name) for one in portals] == [("https://portal.example/", "")]


async def test_settings_that_were_damaged_meanwhile_are_told_with_a_way_out(
    display: Display, pero: CommandLine
) -> None:
    async with opened(pero, display):
        pero.places.settings.write_text("{half a line")
        await asyncio.to_thread(display.click, "Start Pero when I log in")
        await asyncio.to_thread(display.click, "Keep the damaged file aside and start with Pero’s own settings")
        async with asyncio.timeout(30):
            while pero.places.settings.exists():
                await asyncio.sleep(0.05)
        assert pero.places.settings.with_name("settings.json.damaged-1").read_text() == "{half a line"


async def test_an_agent_that_ends_takes_its_window_along(display: Display, pero: CommandLine) -> None:
    with pero.agent() as process:
        assert (await asyncio.to_thread(pero.run, "desk", "settings")).status == 0
        await asyncio.to_thread(display.wait_for_window, PAGE)
        os.kill(process.pid, signal.SIGTERM)
        await asyncio.to_thread(display.wait_for_no_window, PAGE)
