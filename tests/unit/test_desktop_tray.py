"""The tray where buses and displays come and go, and pystray's menus as Windows and macOS are given them (R45)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from agent.desktop.tray import bus, tray
from agent.desktop.tray.icon_main import cut
from agent.desktop.tray.icon_process import display_stands
from agent.desktop.tray.menu import Sight
from agent.desktop.tray.tray import Shown, Tray
from tests.harness.desktop_bus import NOTIFICATIONS, DesktopBus
from tests.harness.places import ROOT

PATIENCE = 60.0  # seconds


async def nothing(_action: str) -> None:
    """Nobody picks anything."""


async def until(tray: Tray, shown: Shown) -> None:
    async with asyncio.timeout(PATIENCE):
        while tray.shown is not shown:
            await asyncio.sleep(0.02)


async def daemon(path: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={path}", "--print-address=1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        assert await process.stdout.readline()
    return process


async def end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


@pytest.fixture
async def shown_on(tmp_path: Path) -> AsyncIterator[Tray]:
    made = Tray(Sight("en"), nothing, {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus"})
    yield made
    await made.close()


async def test_a_bus_that_goes_away_and_comes_back_has_the_icon_again(
    tmp_path: Path, shown_on: Tray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tray, "RETRY", 0.1)
    address = f"unix:path={tmp_path}/bus"
    for _ in range(2):
        process = await daemon(tmp_path / "bus")
        async with DesktopBus(address) as desktop:
            if not shown_on._running:
                shown_on.start()
            await desktop.icon()
            await until(shown_on, Shown.BUS)
            assert await shown_on.notify("Title", "Body", {})
        await end(process)
        await until(shown_on, Shown.NO_DISPLAY)
        assert not await shown_on.notify("Title", "Body", {})


async def test_a_notification_service_that_hangs_is_left_after_a_while(
    tmp_path: Path, shown_on: Tray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "DEADLINE", 1.0)
    process = await daemon(tmp_path / "bus")
    hung = await MessageBus(bus_address=f"unix:path={tmp_path}/bus", bus_type=BusType.SESSION).connect()
    hung.add_message_handler(lambda message: message.interface == NOTIFICATIONS or None)  # taken, never answered
    await hung.request_name(NOTIFICATIONS)
    try:
        shown_on.start()
        async with asyncio.timeout(PATIENCE):
            assert not await shown_on.notify("Title", "Body", {})
    finally:
        hung.disconnect()
        await hung.wait_for_disconnect()
        await end(process)


async def test_only_who_shows_a_notification_says_what_was_picked(tmp_path: Path) -> None:
    """Any program of the session may send the signal; numbers are easily guessed."""
    picked: asyncio.Queue[str] = asyncio.Queue()
    address = f"unix:path={tmp_path}/bus"
    process = await daemon(tmp_path / "bus")
    made = Tray(Sight("en"), picked.put, {"DBUS_SESSION_BUS_ADDRESS": address})
    try:
        async with DesktopBus(address) as desktop, DesktopBus(address, icons=False, notifications=False) as stranger:
            made.start()
            await desktop.icon()
            offered = {"open:certificates": "Show", "pause": "Pause"}
            for title in ("one", "two", "three"):
                assert await made.notify(title, "", offered)
                notice = await desktop.notice(title)
                for action in ("default", "resume", "open:certificates"):
                    stranger.press(notice, action)
                    stranger.say("NotificationClosed", "uu", [notice.number, 1])
                stranger.say("ActionInvoked", "as", [["resume"]])
                await stranger.heard()
            desktop.press(await desktop.notice("one"), "resume")  # was not offered
            desktop.press(await desktop.notice("two"), "pause")
            desktop.press(await desktop.notice("three"), "default")
            async with asyncio.timeout(PATIENCE):
                assert [await picked.get(), await picked.get()] == ["pause", "open:certificates"]
            assert picked.empty()
    finally:
        await made.close()
        await end(process)


async def test_a_notification_service_that_answers_nonsense_costs_the_notification(
    tmp_path: Path, shown_on: Tray
) -> None:
    process = await daemon(tmp_path / "bus")
    odd = await MessageBus(bus_address=f"unix:path={tmp_path}/bus", bus_type=BusType.SESSION).connect()
    odd.add_message_handler(
        lambda message: Message.new_method_return(message, "as", [["x"]]) if message.member == "Notify" else None
    )
    await odd.request_name(NOTIFICATIONS)
    try:
        shown_on.start()
        async with asyncio.timeout(PATIENCE):
            assert not await shown_on.notify("Title", "Body", {"pause": "Pause"})
    finally:
        odd.disconnect()
        await odd.wait_for_disconnect()
        await end(process)


async def test_without_bus_and_display_the_tray_says_so_and_closes(shown_on: Tray) -> None:
    shown_on.start()
    assert not await shown_on.notify("Title", "Body", {})
    assert shown_on.shown is Shown.NO_DISPLAY


@pytest.mark.parametrize("display", ["", ":60999", ":60999.0", "unix:60999"])
def test_a_display_that_is_not_there_is_not_tried(display: str) -> None:
    assert not display_stands({"DISPLAY": display})


def test_a_display_elsewhere_is_tried() -> None:
    assert display_stands({"DISPLAY": "elsewhere:10.0"})


def test_words_for_windows_are_cut_by_its_own_units_and_never_through_a_character() -> None:
    assert cut("x" * 120, 120) == "x" * 120
    assert cut("x" * 121, 120) == "x" * 119 + "…"
    pens = cut("🖋" * 100, 120)  # two units each
    assert pens == "🖋" * 59 + "…"
    assert len(pens.encode("utf-16-le")) // 2 <= 120


_WITH_PYSTRAY = """
import json, sys
from agent.desktop.tray import icon_main
import pystray
pystray.Icon._update_menu = lambda icon: None  # the dummy has no toolkit to tell
value = json.loads(sys.argv[1])
shown = icon_main.Shown(value)
menu = list(shown.icon.menu)
seen = [[row.text, row.enabled] for row in menu]
shown.icon.menu(shown.icon)  # a click on the icon itself
for row in menu:
    if row.enabled and row is not pystray.Menu.SEPARATOR:
        row(shown.icon)
print(json.dumps([seen, shown.icon.title, list(shown.icon.icon.size)]))
"""


def test_pystrays_own_objects_hold_the_menu_and_say_what_is_picked() -> None:
    """What Windows and macOS draw is this; the toolkit below it is pystray's dummy."""
    from agent.desktop.tray.menu import rows

    sight = Sight("ru")
    value = {"icon": sight.icon, "tooltip": "Pero " * 50, "rows": [[row.label, row.action] for row in rows(sight)]}
    done = subprocess.run(
        [sys.executable, "-c", _WITH_PYSTRAY, json.dumps(value)],
        env={"PYSTRAY_BACKEND": "dummy", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *said, last = map(json.loads, done.stdout.splitlines())
    seen, title, size = last
    assert seen[0] == ["Pero готов к работе", False]
    assert seen[-1] == ["Завершить Pero", True]
    assert len(title) == 120
    assert size[0] == size[1] >= 32
    picked = [one["action"] for one in said if "action" in one]
    assert picked[0] == "open:certificates"  # the click
    assert picked[1:] == [row.action for row in rows(sight) if row.action]
