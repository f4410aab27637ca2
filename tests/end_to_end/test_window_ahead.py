"""A window process that is started ahead of need, real: nobody sees it, it is as careful as others, it breaks well."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from agent.desktop.window_prompter import WindowPrompter
from agent.errors import WindowUnavailable
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import Person, ends, window_processes

WAIT = 60  # seconds


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
async def prompter(display: Display) -> AsyncIterator[WindowPrompter]:
    made = WindowPrompter(display.environment)
    yield made
    await made.close()


async def waiting_process(prompter: WindowPrompter) -> psutil.Process:
    """The one that is expected to be asked, once its toolkit stands."""
    prompter.expect()
    async with asyncio.timeout(WAIT):
        while True:
            for process in window_processes():
                if process.name() == "pero-waiting":
                    return process
            await asyncio.sleep(0.05)


async def test_it_is_not_seen_until_it_asks_and_then_its_buttons_begin_dead(
    display: Display, prompter: WindowPrompter
) -> None:
    person = Person(display)
    process = await waiting_process(prompter)
    assert not display.windows("Pero")
    task = asyncio.create_task(prompter.ask_connection(prompts.connection()))
    window = await person.wait_for_window("Pero", front=False)
    await person.until(lambda: display.active_window() == window, "Pero in front by itself")
    assert [one.pid for one in window_processes()] == [process.pid]
    assert process.name() == "pero-window"
    await person.wait_until_ready("Allow once")
    await person.press("alt+o")
    assert (await ends(task)).remember is False
    assert not window_processes()


async def test_one_that_was_killed_while_it_waited_costs_nothing(display: Display, prompter: WindowPrompter) -> None:
    person = Person(display)
    process = await waiting_process(prompter)
    os.kill(process.pid, signal.SIGKILL)
    task = asyncio.create_task(prompter.ask_connection(prompts.connection()))
    await person.wait_for_window("Pero", deadline=WAIT)
    await person.wait_until_ready("Allow once", deadline=WAIT)
    assert process.pid not in [one.pid for one in window_processes()]
    await person.press("alt+o")
    assert (await ends(task)).remember is False


async def test_a_display_that_went_while_it_waited_is_told(display: Display) -> None:
    environment = dict(display.environment)
    prompter = WindowPrompter(environment)
    await waiting_process(prompter)
    display.close()
    environment["DISPLAY"] = ":63999"  # the number that is free now may be another test's by then
    async with asyncio.timeout(WAIT):
        with pytest.raises(WindowUnavailable):
            await prompter.ask_connection(prompts.connection())
    assert not window_processes()
    await prompter.close()


async def test_nothing_is_left_of_it_when_the_agent_ends(prompter: WindowPrompter) -> None:
    process = await waiting_process(prompter)
    await prompter.close()
    assert not process.is_running()
