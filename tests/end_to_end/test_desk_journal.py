"""The page of the journal: Pero's window under Xvfb, driven by keys and by what a screen reader sees (R17, R32)."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
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
DEADLINE = 60.0  # seconds
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
async def opened(pero: CommandLine, display: Display, policy: Policy | None = None) -> AsyncIterator[Composition]:
    composition = Composition(pero.environment, pero.places, policy=policy or Policy())
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
    display.until(lambda: any(part in f"{n['name']} {n['text']}" for n in display.accessible.tree()), part, DEADLINE)


def lacks(display: Display, part: str) -> None:
    display.until(
        lambda: not any(part in f"{n['name']} {n['text']}" for n in display.accessible.tree()), f"no {part}", DEADLINE
    )


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


@pytest.mark.parametrize("running", [False, True], ids=["before the start", "while the agent runs"])
async def test_a_damaged_journal_is_kept_and_its_notification_opens_the_new_one(
    display: Display, pero: CommandLine, running: bool
) -> None:
    damage = b"this was a journal once " * 300
    if not running:
        pero.places.journal.write_bytes(damage)
    async with DesktopBus(display.environment["DBUS_SESSION_BUS_ADDRESS"]) as desktop:
        with pero.agent():
            if running:
                await asyncio.to_thread(pero.run, "sites", "block", "https://first.example")
                (pero.folder / "restored").write_bytes(damage)  # a backup of no use is put in its place
                (pero.folder / "restored").replace(pero.places.journal)
                for suffix in ("-wal", "-shm"):
                    pero.places.journal.with_name(f"{pero.places.journal.name}{suffix}").unlink(missing_ok=True)
                blocked = await asyncio.to_thread(pero.run, "sites", "block", "https://fraud.example")
                assert blocked.status == 0, "what is done goes on, into the new journal"
            notice = await desktop.notice("The journal was damaged")
            assert notice.urgency == 2
            action = next(name for name, words in notice.actions.items() if words == "Open the journal")
            await (await desktop.icon()).look()  # the agent knows the notification's number by now
            desktop.press(notice, action)

            def person() -> None:
                display.wait_for_window(PAGE)
                display.accessible.act("Check the chain")
                shows(display, "The journal is whole")
                shows(display, ".damaged-")
                if running:
                    shows(display, "https://fraud.example")

            await asyncio.to_thread(person)
            whole = await asyncio.to_thread(pero.run, "journal", "verify")
            assert whole.status == 0, whole.output
    kept = [
        file for file in pero.places.state.iterdir() if file.name.startswith(f"{pero.places.journal.name}.damaged-")
    ]
    assert [file.read_bytes() for file in kept if not file.name.endswith(("-wal", "-shm"))] == [damage]


async def test_policy_moves_old_entries_to_an_archive_and_the_page_tells_of_a_change_in_it(
    display: Display, pero: CommandLine
) -> None:
    days = iter((400, 399, 398, *(1,) * 90))
    journal = Journal(pero.places.journal, lambda: datetime.now(UTC) - timedelta(days=next(days)))
    for name in ("old act.pdf", "old contract.pdf", "new act.pdf"):
        journal.note("pause", {"document": name})
    journal.close()
    folder = pero.folder / "archive"
    policy = Policy(journal_days=365, journal_archive=str(folder))
    async with opened(pero, display, policy) as composition:
        async with asyncio.timeout(DEADLINE):
            while composition.journal.entries(1)[0].kind != "archived":
                await asyncio.sleep(0.05)
        (path,) = folder.iterdir()
        lines = gzip.decompress(path.read_bytes())
        assert lines.count(b"old ") == 2
        path.write_bytes(gzip.compress(lines.replace(b"old contract", b"new contract")))

        def person() -> None:
            display.accessible.act("Check the chain")
            shows(display, f"Archive {path.name} of the journal was changed by something other than Pero.")
            shows(display, "Its entries before 3 are as they were")
            shows(display, "new act.pdf")
            assert "new act.pdf" in pero.run("journal", "search", "act").output, "the search goes on"
            assert "old" not in pero.run("journal", "search", "act").output

        await asyncio.to_thread(person)


def test_at_200_percent_on_a_small_screen_whatever_has_the_focus_is_in_sight(tmp_path: Path) -> None:
    """The page is scrolled along with Tab, and nothing on it is wider than the screen."""
    with Display(size=(1024, 600)) as display, CommandLine(tmp_path) as pero:
        pero.environment |= {name: display.environment[name] for name in _SHOWN}
        pero.environment |= {"QT_SCALE_FACTOR": "2", "LANG": "ru_RU.UTF-8"}
        with pero.agent():
            pero.run("sites", "block", "https://fraud.example")
            pero.run("desk", "journal")
            display.wait_for_window("— Pero")
            shows(display, "https://fraud.example")
            seen = reached(display)
    assert {"Что искать", "Журнал", "Выгрузить…", "Проверить цепочку"} <= {name for _, name, _ in seen}
    right, bottom = display.size[0] // 2, display.size[1] // 2  # places are told in pixels of the page
    for (_, name, role), (x, y, width, height) in seen.items():
        high = min(height, 100)  # of a table its beginning
        within = x >= 0 and y >= 0 and x + width <= right and y + high <= bottom
        assert within, f"{name} ({role}) is at {x},{y}, {width} x {height} wide and high"


def reached(display: Display) -> dict[tuple[int, str, str], list[int]]:
    """Tab through the window until it comes round: what had the focus, and where it was on the screen then."""
    seen: dict[tuple[int, str, str], list[int]] = {}
    here, extents = control(display)
    while here not in seen:
        seen[here] = extents
        display.press("Tab")
        moved = display.until(lambda here=here: _other(control(display), here), "another focus", DEADLINE)  # type: ignore[misc]
        here, extents = moved
    return seen


Control = tuple[tuple[int, str, str], list[int]]  # place in the tree, name and role; x, y, width and height


def control(display: Display) -> Control:
    """The control that has the focus. Parts of a control say that they have it even while it does not."""
    parts = ("list item", "table cell", "page tab", "filler")
    for place, node in enumerate(display.accessible.tree()):
        if "focused" in node["states"] and node["role"] not in parts:
            return (place, node["name"] or "", node["role"]), node["extents"]
    return (-1, "", ""), []


def _other(found: Control, before: tuple[int, str, str]) -> Control | None:
    return found if found[0] not in (before, (-1, "", "")) else None
