"""The signing window, real and by keyboard: the PIN's road to the worker, its rounds, and its bad days."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.desktop.window_prompter import WindowPrompter
from agent.errors import Refused, TokenAbsent, WindowClosed
from agent.ipc import pin
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import Person, Worker, ends, signing_window, window_processes

PIN = "12345678"


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


async def test_a_pin_typed_by_keyboard_alone_reaches_the_worker(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign(PIN)
        assert await signing.confirmed() == prompts.certificates()[0].thumbprint
        worker = Worker(signing.dialogue.pin_source())
        assert await worker.ask() == PIN.encode()
        worker.say(pin.Accepted())
        await signing.person.reads("Accepted")
        (process,) = window_processes()
        await signing.dialogue.done()
        await signing.person.wait_for_no_window("Pero")
        worker.close()
    assert not process.is_running()


async def test_enter_without_a_pin_neither_signs_nor_refuses(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.press("Return")
        await signing.person.wait_until_ready("Sign", enabled=False)
        await signing.person.wait_until_ready("Refuse")
        await signing.person.focus_is_on("PIN")


async def test_after_a_wrong_pin_the_window_stays_and_says_what_the_token_tells(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("0000")
        worker = await signing.worker()
        assert await worker.ask() == b"0000"
        signing.person.display.accessible.announcements()
        worker.say(pin.Ask(retry=True, tries_left=2))
        await signing.person.reads("The PIN is incorrect. 2 tries are left.")
        field = await signing.person.wait_for_accessible("PIN", state="focused")
        assert field["text"] == ""
        assert "The PIN is incorrect. 2 tries are left." in display.accessible.announcements()
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        assert await worker.hear() == PIN.encode()


async def test_a_pin_of_wrong_length_is_asked_again_without_a_try(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("1")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Ask(error="pin_length", facts={"minimum": 4, "maximum": 8}))
        await signing.person.reads("8")
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        assert await worker.hear() == PIN.encode()


async def test_another_certificate_after_a_wrong_pin_leaves_the_conversation(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("0000")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Ask(retry=True, tries_left=1))
        await signing.person.reads("1 try is left")
        await signing.person.press("shift+Tab", "shift+Tab")  # the details, then the list
        await signing.person.focus_is_on("Certificate")
        await signing.person.press("Down", "Return")
        await signing.person.focus_is_on("PIN")
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        assert await worker.hear() is None
        await signing.dialogue.failed(pin_cancelled())
        assert await signing.confirmed() == prompts.certificates()[1].thumbprint
        second = Worker(signing.dialogue.pin_source())
        assert await second.ask() == PIN.encode()
        second.close()


def pin_cancelled() -> Exception:
    from agent.errors import PinCancelled

    return PinCancelled()


async def test_a_last_try_known_before_needs_a_tick(display: Display) -> None:
    last = prompts.certificate(warnings=("pin_final_try",))
    async with signing_window(display, prompts.signing(certificates=(last,))) as signing:
        await signing.person.reads("This is the last try")
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        await signing.person.wait_until_ready("Sign", enabled=False)
        await signing.person.press("Tab", "space", "shift+Tab", "Return")
        worker = await signing.worker()
        assert await worker.ask(final_try=True) == PIN.encode()


async def test_a_last_try_told_by_the_worker_holds_the_pin_back(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign(PIN)
        worker = await signing.worker()
        worker.say(pin.Ask(final_try=True))
        await signing.person.reads("This is the last try")
        await signing.person.wait_until_ready("Sign", enabled=False)
        await signing.person.press("Tab", "space", "shift+Tab", "Return")
        assert await worker.hear() == PIN.encode()


async def test_a_locked_token_takes_no_pin(display: Display) -> None:
    locked = prompts.certificate(warnings=("pin_locked",))
    async with signing_window(display, prompts.signing(certificates=(locked,))) as signing:
        await signing.person.reads("The PIN is locked")
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        await signing.person.wait_until_ready("Sign", enabled=False)


async def test_escape_between_two_tries_cancels_and_refuses(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("0000")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Ask(retry=True))
        await signing.person.reads("The PIN is incorrect.")
        await signing.person.press("Escape")
        assert await worker.hear() is None
        with pytest.raises(Refused):
            await signing.confirmed()


async def test_escape_while_the_key_works_ends_the_conversation(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign(PIN)
        worker = await signing.worker()
        await worker.ask()
        await signing.person.press("Escape")
        assert await worker.hear() is None
        with pytest.raises(Refused):
            await signing.confirmed()


async def test_a_window_killed_with_a_pin_in_it_closes_the_conversation(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("0000")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Ask(retry=True))
        await signing.person.type_keys(PIN)
        (process,) = window_processes()
        os.kill(process.pid, signal.SIGKILL)
        assert await worker.hear() is None
        with pytest.raises(WindowClosed):
            await signing.confirmed()
        late = Worker(signing.dialogue.pin_source())  # to a window that is gone: the worker finds the end
        assert await late.hear() is None
        await signing.dialogue.failed(TokenAbsent(token="t", module="m"))
        late.close()


async def test_a_failure_is_told_and_the_person_tries_again(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign(PIN)
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Failed("token_absent", {"token": "USB token", "module": "m.so"}))
        worker.close()
        await signing.dialogue.failed(TokenAbsent(token="USB token", module="m.so"))
        await signing.person.reads("USB token")
        await signing.person.wait_until_ready("Refuse")
        field = await signing.person.wait_for_accessible("PIN", state="focused")
        assert field["text"] == ""
        await signing.person.type_keys(PIN)
        await signing.person.press("Return")
        assert await (await signing.worker()).ask() == PIN.encode()


async def test_a_reader_with_keys_of_its_own_takes_the_pin_there(display: Display) -> None:
    reader = prompts.certificate(protected_path=True)
    async with signing_window(display, prompts.signing(certificates=(reader,))) as signing:
        await signing.person.reads("Enter the PIN on the keys of the reader.")
        assert not display.accessible.find(role="password text")
        await signing.person.click("Sign")
        worker = await signing.worker()
        assert await worker.ask(protected_path=True) == b""
        worker.say(pin.Ask(protected_path=True, retry=True))  # nothing is tried again without the person
        await signing.person.reads("The PIN is incorrect.")
        await signing.person.click("Sign")
        assert await worker.hear() == b""


async def test_a_cancelled_confirmation_loses_nothing(display: Display) -> None:
    import asyncio

    async with signing_window(display, prompts.signing()) as signing:
        waiting = asyncio.create_task(signing.dialogue.confirmed())
        await asyncio.sleep(0)
        waiting.cancel()
        await signing.person.sign(PIN)
        assert await signing.confirmed() == prompts.certificates()[0].thumbprint


async def test_a_passphrase_is_asked_for_and_asked_again(display: Display) -> None:
    person = Person(display)
    async with WindowPrompter(display.environment).ask_passphrase(prompts.passphrase()) as dialogue:
        await person.sign("wrong", button="Add")
        assert await ends(dialogue.confirmed()) == ""
        worker = Worker(dialogue.pin_source())
        assert await worker.ask() == b"wrong"
        worker.say(pin.Ask(retry=True))
        await person.reads("The passphrase is incorrect.")
        await person.type_keys("right")
        await person.press("Return")
        assert await worker.hear() == b"right"
        worker.close()


async def test_the_pin_is_in_no_argument_and_no_environment(display: Display) -> None:
    secret = "74839251"
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.type_keys(secret)
        await signing.person.wait_until_ready("Sign")
        for process in (window_processes()[0].pid, os.getpid()):
            for file in ("cmdline", "environ"):
                assert secret.encode() not in Path(f"/proc/{process}/{file}").read_bytes()
        await signing.person.press("Return")
        worker = await signing.worker()
        assert await worker.ask() == secret.encode()


def test_no_process_of_the_same_user_may_read_the_window(display: Display) -> None:
    """A window is started and looked at without any capability: as another program of the same user would."""
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    script = Path(__file__).parent.parent / "harness" / "look_into_window.py"
    done = subprocess.run(
        [*unprivileged, sys.executable, str(script)],
        env=display.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["control: readable", "window: forbidden"], done.stderr
