"""The icon beside the clock on a Linux desktop: what it shows and offers, and desktops that lack something (R45, R10).

A real session bus; the panel and the notification service are the test's own, written from the desktop's side.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.harness.command_line import CommandLine
from tests.harness.desktop_bus import DesktopBus
from tests.harness.display import DEADLINE, Display
from tests.harness.keyfiles import PASSPHRASE, make_identity, make_key_file
from tests.harness.virtual_reader import virtual_readers

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
async def agent(pero: CommandLine) -> AsyncIterator[subprocess.Popen[str]]:
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, pero.agent())


def with_key_file(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    (pero.folder / "contract.txt").write_bytes(b"contract")


def bus(display: Display, **parts: bool) -> DesktopBus:
    return DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"], **parts)


async def test_the_icon_offers_what_a_person_does_with_pero(display: Display, pero: CommandLine) -> None:
    async with bus(display) as desktop, agent(pero) as process:
        icon = await desktop.icon()
        assert (await icon.look())["IconName"] == "pero"
        words = [label for _, label, enabled in await icon.menu() if enabled]
        assert words == ["Certificates", "Sign a file…", "Verify a file…", "Journal", "Diagnosis", "Care of keys",
                         "Sites", "Settings", "Pause signing", "Quit Pero"]  # fmt: skip
        await icon.pick("Quit Pero")
        assert await asyncio.to_thread(process.wait, DEADLINE) == 0


async def test_the_menu_speaks_russian(display: Display, pero: CommandLine) -> None:
    pero.environment["LANG"] = "ru_RU.UTF-8"
    async with bus(display) as desktop, agent(pero):
        words = [label for _, label, _ in await (await desktop.icon()).menu()]
        assert words[0] == "Pero готов к работе"
        assert words[-1] == "Завершить Pero"


async def test_a_click_opens_the_window_and_another_brings_it_up_again(display: Display, pero: CommandLine) -> None:
    async with bus(display) as desktop, agent(pero):
        icon = await desktop.icon()
        await icon.click()
        first = await asyncio.to_thread(display.wait_for_window, "Pero")
        await icon.pick("Sites")
        assert await asyncio.to_thread(display.wait_for_window, "Sites") == first


async def test_a_pause_is_seen_ends_windows_and_outlives_the_agent(display: Display, pero: CommandLine) -> None:
    with_key_file(pero)
    async with bus(display) as desktop, agent(pero):
        icon = await desktop.icon()
        signing = asyncio.create_task(asyncio.to_thread(pero.run, "sign", "contract.txt"))
        await asyncio.to_thread(display.wait_for_window, "Pero")
        await icon.pick("Pause signing")
        assert (await icon.wait("pero-paused"))["ToolTip"][3] == "Signing is paused"
        ended = await signing
        assert ended.status != 0
        assert "paused" in ended.complaint
        await asyncio.to_thread(display.wait_for_no_window, "Pero")
    async with bus(display) as desktop, agent(pero):
        icon = await desktop.icon()
        await icon.wait("pero-paused")
        assert "paused" in (await asyncio.to_thread(pero.run, "sign", "contract.txt")).complaint
        assert (await asyncio.to_thread(pero.run, "resume")).status == 0
        await icon.wait("pero")


async def test_a_panel_that_comes_later_or_anew_gets_the_icon(display: Display, pero: CommandLine) -> None:
    async with bus(display, icons=False) as desktop, agent(pero):
        await desktop.show_icons()
        first = await desktop.icon()
        await desktop.hide_icons()
        await desktop.show_icons()
        assert (await desktop.icon()).name == first.name


async def test_the_doctor_says_whether_the_icon_is_seen(display: Display, pero: CommandLine) -> None:
    async with bus(display, icons=False) as desktop, agent(pero):
        assert await icon_case(pero) == "nowhere"
        await desktop.show_icons()
        await desktop.icon()
        async with asyncio.timeout(DEADLINE):
            while await icon_case(pero) != "seen":
                pass


async def icon_case(pero: CommandLine) -> str:
    told = (await asyncio.to_thread(pero.run, "diagnose", "--json", "--area", "agent")).json["findings"]
    (case,) = [one["case"] for one in told if one["id"] == "agent.icon"]
    return str(case)


@pytest.mark.parametrize("address", ["", "unix:path=/nonexistent/bus", "nonsense"])
async def test_without_a_session_bus_signing_works(display: Display, pero: CommandLine, address: str) -> None:
    with_key_file(pero)
    pero.environment["DBUS_SESSION_BUS_ADDRESS"] = address
    async with agent(pero):
        ended = await asyncio.to_thread(pero.run, "sign", "contract.txt", pin=PASSPHRASE)
        assert ended.status == 0


async def test_a_token_that_comes_and_goes_is_told(display: Display, pero: CommandLine) -> None:
    with virtual_readers() as readers:
        pero.environment |= readers.environment
        card = readers.card({"authentication": make_identity("rsa2048")})
        async with bus(display) as desktop, agent(pero):
            icon = await desktop.icon()
            card.insert()
            notice = await desktop.notice("A token was connected")
            await icon.wait("pero-token")
            desktop.press(notice, "default")
            await asyncio.to_thread(display.wait_for_window, "Pero")
            card.remove()
            await desktop.notice("A token was removed")
            await icon.wait("pero")


async def test_a_notification_service_that_fails_costs_the_notification_only(
    display: Display, pero: CommandLine
) -> None:
    with virtual_readers() as readers:
        pero.environment |= readers.environment
        card = readers.card({"authentication": make_identity("rsa2048")})
        async with bus(display) as desktop, agent(pero):
            desktop.refuse = True
            icon = await desktop.icon()
            card.insert()
            await icon.wait("pero-token")
            async with asyncio.timeout(DEADLINE):
                while not pero.places.notices.exists():
                    await asyncio.sleep(0.05)
            assert '"shown":false' in pero.places.notices.read_text("utf-8")


async def test_a_locked_pin_is_told_with_a_way_out(display: Display, pero: CommandLine) -> None:
    with virtual_readers() as readers:
        pero.environment |= readers.environment
        card = readers.card({"authentication": make_identity("rsa2048")})
        card.set_tries(0)
        async with bus(display) as desktop, agent(pero):
            icon = await desktop.icon()
            card.insert()
            notice = await desktop.notice("The PIN is locked")
            assert notice.urgency == 2
            assert list(notice.actions.values()) == ["Unblock", "Unblock"]
            await icon.wait("pero-attention")
