"""A window process that is started ahead of need: one, for a while, and never in the way (R10)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from agent.desktop.spare import Spare
from agent.desktop.window_process import WindowProcess
from agent.errors import Refused, WindowUnavailable
from tests.harness.core import Core

SHOWN = {"DISPLAY": ":7"}
WAIT = 60  # seconds
LONG = 3600.0


class Process:
    """In a window's place."""

    def __init__(self) -> None:
        self.is_running = True
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.is_running = False
        self.closed.set()


class Starter:
    def __init__(self) -> None:
        self.started: list[Process] = []
        self.held = asyncio.Event()
        self.held.set()
        self.refuses = False

    async def __call__(self, environment: Mapping[str, str], ahead: bool) -> WindowProcess:
        assert ahead
        assert environment == SHOWN
        self.started.append(Process())
        await self.held.wait()
        if self.refuses:
            raise WindowUnavailable(reason="no")
        return cast(WindowProcess, self.started[-1])


@pytest.fixture
def starter() -> Starter:
    return Starter()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    yield made
    made.services.uploads.close()
    made.journal.close()


@contextlib.asynccontextmanager
async def spare_of(
    starter: Starter, life: float = LONG, environment: Mapping[str, str] = SHOWN
) -> AsyncIterator[Spare]:
    spare = Spare(environment, life, starter)
    async with asyncio.timeout(WAIT):
        try:
            yield spare
        finally:
            await spare.close()


async def test_one_process_waits_however_often_somebody_is_expected(starter: Starter) -> None:
    async with spare_of(starter) as spare:
        assert await spare.take() is None
        for _ in range(3):
            spare.expect()
        taken = await spare.take()
        assert taken is cast(WindowProcess, starter.started[0])
        assert len(starter.started) == 1
        assert await spare.take() is None
    assert not starter.started[0].closed.is_set()  # it is the taker's


async def test_who_needs_it_while_it_starts_waits_for_it(starter: Starter) -> None:
    starter.held.clear()
    async with spare_of(starter) as spare:
        spare.expect()
        taking = asyncio.create_task(spare.take())
        while not starter.started:
            await asyncio.sleep(0)
        starter.held.set()
        assert await taking is cast(WindowProcess, starter.started[0])


async def test_who_gives_up_waiting_leaves_no_process_behind(starter: Starter) -> None:
    starter.held.clear()
    async with spare_of(starter) as spare:
        spare.expect()
        taking = asyncio.create_task(spare.take())
        while not starter.started:
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking])
        starter.held.set()
        await starter.started[0].closed.wait()


async def test_nobody_came_and_it_goes(starter: Starter) -> None:
    async with spare_of(starter, life=0.05) as spare:
        spare.expect()
        while not starter.started:
            await asyncio.sleep(0)
        await starter.started[0].closed.wait()
        assert await spare.take() is None


async def test_the_end_of_the_agent_is_its_end(starter: Starter) -> None:
    async with spare_of(starter) as spare:
        spare.expect()
        while not starter.started:
            await asyncio.sleep(0)
    assert starter.started[0].closed.is_set()
    spare.expect()
    assert await spare.take() is None


async def test_one_that_cannot_start_or_broke_is_not_tried_again_at_once(starter: Starter) -> None:
    starter.refuses = True
    async with spare_of(starter) as spare:
        spare.expect()
        assert await spare.take() is None
        spare.expect()
        assert await spare.take() is None
        assert len(starter.started) == 1
    starter.refuses = False
    async with spare_of(starter) as spare:
        spare.expect()
        while len(starter.started) < 2:
            await asyncio.sleep(0)
        starter.started[1].is_running = False
        assert await spare.take() is None
        assert starter.started[1].closed.is_set()
        spare.expect()
        assert await spare.take() is None


async def test_without_a_display_nothing_is_started(starter: Starter) -> None:
    async with spare_of(starter, environment={"DISPLAY": ""}) as spare:
        spare.expect()
        assert await spare.take() is None
    assert not starter.started


@pytest.mark.parametrize("method", ["connect", "upload_begin", "select_certificate", "sign", "sign_batch", "sign_in"])
async def test_a_window_is_made_ready_for_sites_that_are_let_in_and_for_nobody_else(core: Core, method: str) -> None:
    expected: list[str] = []
    core.services.expect_person = lambda: expected.append(method)
    core.person.connection = Refused()
    core.person.answers = [Refused()] * 9
    asked = {
        "upload_begin": {"name": "a.txt", "size": 1},
        "sign": {"document": {"name": "a.txt", "content": "AAAA"}},
        "sign_batch": {"documents": [{"name": "a.txt", "content": "AAAA"}]},
        "sign_in": {"nonce": "MDEyMzQ1Njc4OWFiY2RlZg=="},
    }.get(method, {})
    await core.call(core.page(allowed=True), method, asked)
    assert not expected  # the person is asked in another way than by windows
    core.person.kind = "window"
    await core.call(core.page("https://stranger.example", allowed=False), method, asked)
    assert not expected
    await core.call(core.page(allowed=True), method, asked)
    assert expected == [method]


async def test_a_site_that_was_just_allowed_is_expected_to_ask(core: Core) -> None:
    expected: list[str] = []
    core.services.expect_person = lambda: expected.append("")
    core.person.kind = "window"
    await core.call(core.page(allowed=False), "connect", {})
    assert expected == [""]
