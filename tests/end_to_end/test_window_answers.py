"""First contact and certificate choice in real windows, by keyboard alone; dead buttons; what cannot be shown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agent.desktop.window_prompter import WindowPrompter
from agent.desktop.windows.guard import DEAD_TIME
from agent.errors import Refused, WindowClosed, WindowUnavailable
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import Person, ends, window_processes


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


@pytest.fixture
def person(display: Display) -> Person:
    return Person(display)


@pytest.fixture
def prompter(display: Display) -> WindowPrompter:
    return WindowPrompter(display.environment)


@contextlib.asynccontextmanager
async def asked(person: Person, question: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """A question that is on the screen."""
    task = asyncio.create_task(question)
    try:
        await person.wait_for_window("Pero")
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Refused, WindowClosed):
            await task


async def test_a_site_is_allowed_once_by_keyboard(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        await person.wait_until_ready("Allow once")
        await person.focus_is_on("Refuse")
        await person.press("Tab")
        await person.focus_is_on("Allow once")
        await person.press("space")
        assert (await ends(task)).remember is False


async def test_a_site_is_remembered_by_its_letter(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        await person.wait_until_ready("Allow and remember")
        await person.press("alt+m")
        assert (await ends(task)).remember is True


@pytest.mark.parametrize("key", ["Return", "Escape", "space"])
async def test_keys_without_aim_refuse(person: Person, prompter: WindowPrompter, key: str) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        await person.wait_until_ready("Refuse")
        await person.focus_is_on("Refuse")
        await person.press(key)
        with pytest.raises(Refused):
            await ends(task)


async def test_closing_the_window_refuses(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        await person.press("alt+F4")  # the window manager's key; works at any moment
        with pytest.raises(Refused):
            await ends(task)


async def test_enter_on_a_button_that_agrees_does_nothing(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        await person.wait_until_ready("Allow once")
        await person.press("Tab")
        await person.focus_is_on("Allow once")
        await person.press("Return", "KP_Enter")
        await person.wait_until_ready("Allow once")
        assert not task.done()


async def test_typing_and_clicking_in_the_first_second_does_nothing(person: Person, prompter: WindowPrompter) -> None:
    places = await where_the_buttons_are(person, prompter)
    for _ in range(20):
        if await typed_and_clicked_on(person, prompter, places):
            return
    pytest.fail("this machine never let a person be quicker than the buttons")


async def where_the_buttons_are(person: Person, prompter: WindowPrompter) -> dict[str, tuple[int, int]]:
    """Windows of one kind come up in one place."""
    async with asked(person, prompter.ask_connection(prompts.connection())):
        places = await places_of_buttons(person)
    await person.wait_for_no_window("Pero")
    return places


async def places_of_buttons(person: Person) -> dict[str, tuple[int, int]]:
    places = {}
    for name in ("Allow and remember", "Refuse"):
        x, y, width, height = (await person.wait_for_accessible(name))["extents"]
        places[name] = (x + width // 2, y + height // 2)
    return places


async def typed_and_clicked_on(person: Person, prompter: WindowPrompter, places: dict[str, tuple[int, int]]) -> bool:
    """False where there was a pause in which the buttons may have come alive, or they were elsewhere: then nothing was
    tried."""
    blows = ["key", "Escape", "Return", "alt+m", "Tab", "space"]
    for x, y in places.values():
        blows += ["mousemove", str(x), str(y), "click", "1"]
    task = asyncio.create_task(prompter.ask_connection(prompts.connection()))
    try:
        before = last = time.monotonic()
        while not task.done() and not await person.windows(
            "Pero"
        ):  # somebody types while the window comes up, and goes on
            await person.press("Return", "space")
            before, last = last, time.monotonic()
        last = before
        for _ in range(8):
            struck = time.monotonic()
            await person._xdotool(*blows)  # all of it at once: nothing here is slower than the buttons
            if time.monotonic() - last > DEAD_TIME / 1000:
                return False
            last = struck
        assert not task.done()
        if await places_of_buttons(person) != places:
            return False
        await person.wait_until_ready("Allow once")
        await person.press("alt+o")
        assert (await ends(task)).remember is False
    finally:
        task.cancel()
        await asyncio.wait([task])
        await person.wait_for_no_window("Pero")
    return True


async def test_buttons_are_dead_again_after_the_window_regains_the_focus(
    display: Display, person: Person, prompter: WindowPrompter
) -> None:
    other = subprocess.Popen(["xev"], env=display.environment, stdout=subprocess.DEVNULL)
    try:
        await person.wait_for_window("Event Tester")
        async with asked(person, prompter.ask_connection(prompts.connection())) as task:
            await person.wait_until_ready("Allow once")
            await person.wait_for_window("Event Tester")  # activates it
            await person.wait_until_ready("Allow once", enabled=False)
            await person.wait_until_ready("Refuse", enabled=False)
            begin = time.monotonic()
            await person.wait_for_window("Pero")
            await person.wait_until_ready("Allow once")
            assert (time.monotonic() - begin) * 1000 >= DEAD_TIME
            await person.focus_is_on("Refuse")
            assert not task.done()
    finally:
        other.terminate()
        other.wait()


async def test_the_window_comes_to_the_front_and_stays_there(
    display: Display, person: Person, prompter: WindowPrompter
) -> None:
    other = subprocess.Popen(["xev", "-geometry", "1200x800+0+0"], env=display.environment, stdout=subprocess.DEVNULL)
    try:
        behind = await person.wait_for_window("Event Tester")
        task = asyncio.create_task(prompter.ask_connection(prompts.connection()))
        window = await person.wait_for_window("Pero", front=False)
        await asyncio.to_thread(display.until, lambda: display.active_window() == window, "Pero in front by itself")
        subprocess.run(["xdotool", "windowactivate", "--sync", str(behind)], env=display.environment, check=True)
        shown = subprocess.run(
            ["xprop", "-root", "_NET_CLIENT_LIST_STACKING"],
            env=display.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(shown.stdout.split()[-1], 16) == window
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        other.terminate()
        other.wait()


async def test_a_certificate_is_chosen_with_arrows(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.choose_certificate(prompts.choice())) as task:
        await person.wait_until_ready("Choose")
        await person.press("Down", "Return")  # Enter in the list leads to the button
        await person.focus_is_on("Choose")
        await person.press("space")
        assert await ends(task) == prompts.certificates()[1].thumbprint


async def test_an_expired_certificate_says_so_and_cannot_be_chosen(person: Person, prompter: WindowPrompter) -> None:
    good = prompts.certificate(1)
    expired = prompts.certificate(2, owner="Old One", problems=("expired",), not_after="2025-01-31T00:00:00Z")
    async with asked(person, prompter.choose_certificate(prompts.choice(certificates=(expired, good)))) as task:
        await person.wait_until_ready("Choose")
        items = await asyncio.to_thread(person.display.accessible.find, role="list item")
        assert ["selected" in item["states"] for item in items] == [True, False]
        assert "expired on 2025-01-31" in items[1]["name"]
        assert "selectable" not in items[1]["states"]
        await person.press("Down")
        await person.wait_until_ready("Choose", enabled=False)
        await person.press("Up")
        await person.wait_until_ready("Choose")
        await person.press("alt+c")
        assert await ends(task) == good.thumbprint


async def test_no_certificate_is_said_in_words(person: Person, prompter: WindowPrompter) -> None:
    prompt = prompts.choice(certificates=(), faults=("The module does not answer.",))
    async with asked(person, prompter.choose_certificate(prompt)):
        await person.reads("There is no certificate to sign with")
        await person.reads("The module does not answer.")


async def test_a_killed_window_is_a_closed_one(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        (process,) = window_processes()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(WindowClosed):
            await ends(task)


async def test_a_cancelled_prompt_takes_its_window_away(person: Person, prompter: WindowPrompter) -> None:
    async with asked(person, prompter.ask_connection(prompts.connection())) as task:
        (process,) = window_processes()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not process.is_running()
        await person.wait_for_no_window("Pero")


async def test_without_a_display_it_says_so(display: Display) -> None:
    environment = {name: value for name, value in display.environment.items() if name != "DISPLAY"}
    with pytest.raises(WindowUnavailable) as raised:
        await ends(WindowPrompter(environment).ask_connection(prompts.connection()))
    assert raised.value.facts == {"reason": "no_display"}


async def test_with_a_display_that_is_not_there_the_toolkit_says_which(display: Display) -> None:
    environment = display.environment | {"DISPLAY": ":63999"}
    with pytest.raises(WindowUnavailable) as raised:
        await ends(WindowPrompter(environment).choose_certificate(prompts.choice()))
    assert ":63999" in str(raised.value.facts["reason"])
    assert not window_processes()
