"""The guide that comes up by itself: once, where nobody has used Pero yet, and where a window can be shown."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

from agent.config import Locations
from agent.desktop.first_run import FirstRun
from agent.errors import WindowUnavailable

DISPLAY = {"DISPLAY": ":1"}


class Desk:
    """In the place of Pero's window."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.unavailable = False

    async def open(self, page: str, _files: tuple[str, ...]) -> None:
        if self.unavailable:
            raise WindowUnavailable(reason="no display")
        self.shown.append(page)


@pytest.fixture
def places(tmp_path: Path) -> Locations:
    (tmp_path / "state").mkdir()
    return Locations(state=tmp_path / "state", runtime=tmp_path / "run")


async def started(places: Locations, desk: Desk, environment: dict[str, str] | None = None) -> None:
    """An agent starts, and whatever that brings about is over."""
    now = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
    first = FirstRun(places, DISPLAY if environment is None else environment, desk.open, lambda: now)
    before = asyncio.all_tasks()
    first.start()
    if begun := asyncio.all_tasks() - before:
        await asyncio.wait(begun)
    await first.close()


async def test_it_comes_up_at_the_first_start_and_not_at_the_second(places: Locations) -> None:
    desk = Desk()
    await started(places, desk)
    assert places.guide.read_text() == "2026-11-22T12:00:00Z\n"
    assert places.guide.stat().st_mode & 0o777 == 0o600
    await started(places, desk)
    assert desk.shown == ["guide"]


@pytest.mark.parametrize("used", ["settings", "origins", "key_files"])
async def test_it_does_not_come_up_where_somebody_has_used_pero_before(places: Locations, used: str) -> None:
    getattr(places, used).touch()
    desk = Desk()
    await started(places, desk)
    assert desk.shown == []


async def test_without_a_display_it_waits_for_a_start_that_has_one(places: Locations) -> None:
    desk = Desk()
    await started(places, desk, {})
    assert (desk.shown, places.guide.exists()) == ([], False)
    await started(places, desk, {"WAYLAND_DISPLAY": "wayland-0"})
    assert desk.shown == ["guide"]


async def test_a_window_that_cannot_be_shown_does_not_count(places: Locations) -> None:
    desk = Desk()
    desk.unavailable = True
    await started(places, desk)
    assert not places.guide.exists()
    desk.unavailable = False
    await started(places, desk)
    assert desk.shown == ["guide"]


async def test_a_folder_that_takes_no_file_ends_no_agent(places: Locations) -> None:
    desk = Desk()

    async def open_and_break(page: str, _files: tuple[str, ...]) -> None:
        desk.shown.append(page)
        places.state.rename(places.state.with_name("gone"))

    first = FirstRun(places, DISPLAY, open_and_break, lambda: datetime.datetime.now(datetime.UTC))
    before = asyncio.all_tasks()
    first.start()
    (task,) = asyncio.all_tasks() - before
    await asyncio.wait([task])
    assert task.exception() is None
    assert desk.shown == ["guide"]
