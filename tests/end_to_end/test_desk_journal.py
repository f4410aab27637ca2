"""The page of the journal: Pero's window under Xvfb, driven by keys and by what a screen reader sees (R17, R32)."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.app import Agent, Composition
from agent.desktop.notices import Notices
from agent.journal import Journal
from agent.policy import Policy
from tests.harness.command_line import CommandLine
from tests.harness.desktop_bus import DesktopBus
from tests.harness.display import Display

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
PAGE = "Journal — Pero"


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def pero(tmp_path: Path, display: Display) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment |= {name: display.environment[name] for name in _SHOWN}
        yield line


def with_entries(pero: CommandLine) -> None:
    """Entries 2 to 203."""
    journal = Journal(pero.places.journal, lambda: datetime.now(UTC))
    journal.note("connect", {"origin": "https://first.example"})
    journal.note_all("batch_document", [{"document": f"act {number}.pdf"} for number in range(200)])
    journal.begin("sign", {"origin": "https://a.example", "document": "Contract\u202efdp.exe"})
    journal.close()


@contextlib.asynccontextmanager
async def opened(pero: CommandLine, display: Display) -> AsyncIterator[Composition]:
    composition = Composition(pero.environment, pero.places, policy=Policy())
    agent = Agent(composition, ports=(), desktop=pero.environment)
    await agent.start()
    try:
        await composition.services.open_desk("journal", ())
        await asyncio.to_thread(display.wait_for_window, PAGE)
        await asyncio.to_thread(display.wait_for_accessible, "Words to look for")
        yield composition
    finally:
        await agent.stop()


def shows(display: Display, part: str) -> None:
    display.until(lambda: any(part in f"{n['name']} {n['text']}" for n in display.accessible.tree()), part)


def lacks(display: Display, part: str) -> None:
    display.until(lambda: not any(part in f"{n['name']} {n['text']}" for n in display.accessible.tree()), f"no {part}")


def focused(display: Display) -> list[tuple[int, str, str]]:
    """Where the focus is, by place in the tree, name and role."""
    nodes = enumerate(display.accessible.tree())
    return [(place, node["name"] or "", node["role"]) for place, node in nodes if "focused" in node["states"]]


def until_focused(display: Display, name: str, role: str) -> None:
    """Tab through the page until this has the focus."""
    for _ in range(40):
        before = focused(display)
        if any(name == seen and role in kind for _, seen, kind in before):
            return
        display.press("Tab")
        display.until(lambda before=before: focused(display) != before, "another focus")  # type: ignore[misc]
    raise AssertionError(f"{name} cannot be reached by Tab")


async def test_words_find_an_entry_and_its_note_is_written_by_keys(display: Display, pero: CommandLine) -> None:
    with_entries(pero)
    async with opened(pero, display) as composition:

        def person() -> None:
            shows(display, "Contract⟨U+202E⟩fdp.exe")
            until_focused(display, "Words to look for", "text")
            display.type_keys("first.exam")
            lacks(display, "act 199.pdf")
            shows(display, "access asked for")
            until_focused(display, "Journal", "table")
            shows(display, "Hash: ")
            display.accessible.act("Note…")
            display.wait_for_window("Note…")
            display.type_keys("checked by phone")
            display.press("Return")
            shows(display, "The note was written as entry 204.")

        await asyncio.to_thread(person)
        note = composition.journal.entries(1)[0]
        assert (note.kind, note.facts) == ("note", {"entry": 2, "text": "checked by phone"})


async def test_a_changed_journal_is_said_when_the_page_comes_up(display: Display, pero: CommandLine) -> None:
    with_entries(pero)
    connection = sqlite3.connect(pero.places.journal)
    connection.execute("DROP TRIGGER never_changed")
    connection.execute("UPDATE entries SET kind = 'pause' WHERE number = 7")
    connection.commit()
    connection.close()
    async with opened(pero, display):

        def person() -> None:
            shows(display, "the chain breaks at entry 7")
            display.accessible.act("Check the chain")
            display.until(lambda: any("entry 7" in said for said in display.accessible.announcements()), "said aloud")

        await asyncio.to_thread(person)


async def test_what_is_found_is_exported_through_the_dialog(display: Display, pero: CommandLine) -> None:
    with_entries(pero)
    target = pero.folder / "found.csv"
    async with opened(pero, display):

        def person() -> None:
            shows(display, "act 199.pdf")
            display.accessible.act("Export…")
            display.wait_for_window("Export the entries found")
            display.press("ctrl+a")
            display.type_keys(str(target))
            display.press("Return")
            shows(display, "203 entries were written to")

        await asyncio.to_thread(person)
    rows = list(csv.reader(io.StringIO(target.read_text("utf-8-sig"), newline="")))
    assert [int(row[0]) for row in rows[1:]] == list(range(203, 0, -1))


async def test_notifications_stand_beside_the_entries(display: Display, pero: CommandLine) -> None:
    Notices(pero.places.notices).add("token_inserted", {"token": "Rutoken"}, datetime.now(UTC), shown=False)
    async with opened(pero, display):

        def person() -> None:
            shows(display, "Notifications")
            display.accessible.act("Notifications")
            shows(display, "A token was connected (not shown by the desktop)")

        await asyncio.to_thread(person)


async def test_a_damaged_journal_is_kept_and_told_by_a_notification(display: Display, pero: CommandLine) -> None:
    pero.places.journal.write_bytes(b"this was a journal once " * 300)
    async with DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"]) as desktop:
        with pero.agent():
            notice = await desktop.notice("The journal was damaged")
            assert notice.urgency == 2
            assert "Open the journal" in notice.actions.values()
    kept = [file for file in pero.places.state.iterdir() if ".damaged-" in file.name]
    assert [file.read_bytes() for file in kept] == [b"this was a journal once " * 300]
