"""The windows for tokens, real and by keyboard: several secrets in one conversation, danger in words, rounds."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.consent.prompter import Dialogue
from agent.desktop.window_prompter import WindowPrompter
from agent.errors import PinInvalid, Refused, WindowClosed
from agent.ipc import pin
from tests.harness import prompts
from tests.harness.cores import cores, may_leave_one
from tests.harness.display import Display
from tests.harness.person import Person, Worker, ends, signing_window, window_processes

OLD, NEW = "s3cret-7", "my-own-pin"


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


class Asked:
    """An open window for a token with somebody in front of it."""

    def __init__(self, dialogue: Dialogue, person: Person) -> None:
        self.dialogue = dialogue
        self.person = person
        self._workers: list[Worker] = []

    async def fill(self, *secrets: str) -> None:
        """Type into the fields from the first one on, with Tab between them."""
        await self.person.type_keys("\t".join(secrets))

    async def worker(self) -> Worker:
        assert await ends(self.dialogue.confirmed()) == ""
        worker = Worker(self.dialogue.pin_source())
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


@contextlib.asynccontextmanager
async def token_window(
    display: Display, action: str = "change_pin", language: str = "en", **fields: Any
) -> AsyncIterator[Asked]:
    person = Person(display)
    async with WindowPrompter(display.environment).ask_token(prompts.token(action, language, **fields)) as dialogue:
        await person.wait_for_window("Pero")
        await person.wait_until_ready({"en": "Cancel", "ru": "Отмена"}[language])
        with contextlib.closing(Asked(dialogue, person)) as asked:
            yield asked


async def test_old_and_new_pin_reach_the_worker_one_after_the_other(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.person.focus_is_on("Present PIN")
        await asked.fill(OLD, NEW, NEW)
        await asked.person.wait_until_ready("Change")
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask() == OLD.encode()
        worker.say(pin.Accepted())
        assert await worker.ask(purpose="new_pin", minimum=6, maximum=32) == NEW.encode()
        worker.say(pin.Accepted())
        await asked.person.reads("Accepted")
        assert await asked.dialogue.done() is False
        await asked.person.wait_for_no_window("Pero")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((OLD, NEW, "my-own-pim"), "The two are not the same."),
        ((OLD, "12345678"), "Everybody tries this one first."),
        ((OLD, "77777777"), "All characters are the same."),
        ((OLD, "34567890"), "The characters stand in a row."),
        ((OLD, OLD), "It is the one that you have now."),
    ],
)
async def test_a_new_pin_that_will_not_do_is_told_at_once(display: Display, typed: tuple[str, ...], said: str) -> None:
    async with token_window(display) as asked:
        await asked.fill(*typed)
        await asked.person.reads(said)
        await asked.person.press("Return")
        await asked.person.wait_until_ready("Change", enabled=False)
        await asked.person.wait_until_ready("Cancel")


async def test_enter_goes_to_the_next_field_that_is_empty(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.person.type_keys(OLD)
        await asked.person.press("Return")
        await asked.person.focus_is_on("New PIN")
        await asked.person.type_keys(NEW)
        await asked.person.press("Return")
        await asked.person.focus_is_on("New PIN again")
        await asked.person.type_keys(NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask() == OLD.encode()


async def test_a_wrong_old_pin_is_asked_again_and_the_new_one_waits(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill("wrong-one", NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask() == b"wrong-one"
        worker.say(pin.Ask(retry=True, tries_left=2))
        await asked.person.reads("The present PIN is incorrect. 2 tries are left.")
        field = await asked.person.wait_for_accessible("Present PIN", state="focused")
        assert field["text"] == ""
        await asked.person.type_keys(OLD)
        await asked.person.press("Return")
        assert await worker.hear() == OLD.encode()
        worker.say(pin.Accepted())
        assert await worker.ask(purpose="new_pin") == NEW.encode()


async def test_a_new_pin_too_short_for_the_token_is_held_back(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill(OLD, "ab1", "ab1")
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask() == OLD.encode()
        worker.say(pin.Accepted())
        worker.say(pin.Ask(purpose="new_pin", minimum=6, maximum=32))
        await asked.person.reads("The token takes from 6 to 32 characters.")
        await asked.person.focus_is_on("New PIN")
        await asked.person.press("ctrl+a")
        await asked.fill(NEW)
        await asked.person.press("Tab", "ctrl+a")
        await asked.person.type_keys(NEW)
        await asked.person.press("Return")
        assert await worker.hear() == NEW.encode()


async def test_a_new_pin_that_the_token_refuses_is_asked_again(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill(OLD, NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        worker.say(pin.Accepted())
        assert await worker.ask(purpose="new_pin") == NEW.encode()
        refused = PinInvalid(token="USB token", reason="weak")
        worker.say(pin.Ask(purpose="new_pin", error=refused.name, facts=refused.facts))
        await asked.person.focus_is_on("New PIN")
        await asked.fill("another-1", "another-1")
        await asked.person.press("Return")
        assert await worker.hear() == b"another-1"


async def test_the_last_try_of_the_administrators_pin_needs_a_tick(display: Display) -> None:
    async with token_window(display, "unblock") as asked:
        await asked.fill("not-it", NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask(purpose="puk") == b"not-it"
        worker.say(pin.Ask(purpose="puk", retry=True, final_try=True))
        await asked.person.reads("The administrator's PIN (PUK) is incorrect. This is the last try.")
        await asked.person.type_keys("officer-8")
        await asked.person.press("Return")
        await asked.person.wait_until_ready("Unlock", enabled=False)
        await asked.person.press("Tab", "space", "shift+Tab", "Return")
        assert await worker.hear() == b"officer-8"


async def test_deleting_names_what_is_lost_and_takes_no_enter_for_yes(display: Display) -> None:
    async with token_window(display, "delete", "ru") as asked:
        names = "\n".join(await asked.person.names())
        assert "Будет потеряно навсегда:" in names
        assert "• Ключ: ГОСТ Р 34.10-2012 256 (CryptoPro-A), 01" in names
        assert "Сертификат останется, но подписывать им будет нельзя" in names
        await asked.person.press("Return")
        await asked.person.wait_until_ready("Удалить навсегда", enabled=False)
        await asked.person.type_keys(OLD)
        await asked.person.press("Escape")
        with pytest.raises(Refused):
            await ends(asked.dialogue.confirmed())


async def test_a_key_file_is_deleted_without_a_secret_but_not_by_enter(display: Display) -> None:
    async with token_window(display, "delete", key_file=True, secrets=()) as asked:
        await asked.person.reads("The copy that Pero keeps is deleted.")
        await asked.person.wait_until_ready("Delete for good")
        await asked.person.click("Delete for good")
        assert await ends(asked.dialogue.confirmed()) == ""
        await asked.dialogue.done()


async def test_a_reader_with_keys_takes_every_pin_there(display: Display) -> None:
    async with token_window(display, protected_path=True) as asked:
        await asked.person.reads("Enter the PIN on the keys of the reader.")
        await asked.person.reads("Then enter the new PIN there, twice.")
        assert not display.accessible.find(role="password text")
        await asked.person.click("Change")
        worker = await asked.worker()
        assert await worker.ask(protected_path=True) == b""
        worker.say(pin.Accepted())
        assert await worker.ask(purpose="new_pin", protected_path=True) == b""


async def test_a_locked_pin_cannot_be_typed(display: Display) -> None:
    async with token_window(display, "generate", warnings=("pin_locked",)) as asked:
        await asked.person.reads("The PIN is locked")
        await asked.fill(OLD)
        await asked.person.press("Return")
        await asked.person.wait_until_ready("Make", enabled=False)


async def test_closing_between_two_secrets_cancels_the_conversation(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill("wrong-one", NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        worker.say(pin.Ask(retry=True))
        await asked.person.reads("The present PIN is incorrect.")
        await asked.person.press("Escape")
        assert await worker.hear() is None
        with pytest.raises(Refused):
            await ends(asked.dialogue.confirmed())


async def test_a_window_killed_between_two_secrets_ends_the_conversation(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill(OLD, NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        (process,) = window_processes()
        os.kill(process.pid, signal.SIGKILL)
        assert await worker.hear() is None
        with pytest.raises(WindowClosed):
            await ends(asked.dialogue.confirmed())


async def test_a_failure_is_told_and_everything_is_typed_again(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill(OLD, NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        worker.close()
        await asked.dialogue.failed(PinInvalid(token="USB token", reason="expired"))
        await asked.person.focus_is_on("Present PIN")
        shown = {field["name"]: field["text"] for field in display.accessible.find(role="password text")}
        assert {shown[name] for name in ("Present PIN", "New PIN", "New PIN again")} == {""}


async def test_after_a_pin_that_everybody_knows_its_change_is_offered_and_taken(display: Display) -> None:
    async with signing_window(display, prompts.signing()) as signing:
        await signing.person.sign("12345678")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Accepted(default_pin=True))
        assert await ends(signing.dialogue.done()) is True
        await signing.person.reads("This token has a PIN that everybody knows")
        await signing.person.wait_until_ready("Later")
        await signing.person.click("Change the PIN now")
        assert await ends(signing.dialogue.offer_taken()) is True
        await signing.person.wait_for_no_window("Pero")


async def test_the_offer_is_not_taken_by_an_enter_too_many(display: Display) -> None:
    known = prompts.certificate(warnings=("pin_to_be_changed",))
    async with signing_window(display, prompts.signing("ru", certificates=(known,))) as signing:
        await signing.person.sign("s3cret-7", button="Подписать")
        worker = await signing.worker()
        await worker.ask()
        worker.say(pin.Accepted())
        assert await ends(signing.dialogue.done()) is True
        await signing.person.press("Return", "Return")  # still those of the PIN
        await signing.person.wait_until_ready("Сменить PIN-код сейчас")
        await signing.person.press("Return")
        assert await ends(signing.dialogue.offer_taken()) is False


async def test_a_window_that_crashes_with_a_pin_typed_leaves_no_core(display: Display, tmp_path: Path) -> None:
    with cores(tmp_path / "cores") as folder:
        async with token_window(display) as asked:
            await asked.fill(OLD, NEW, NEW)
            (window,) = window_processes()
            assert not may_leave_one(window.pid)
            window.send_signal(signal.SIGSEGV)
            with pytest.raises(WindowClosed):
                await ends(asked.dialogue.confirmed())
        assert list(folder.iterdir()) == []


HOSTILE = {
    "turned round": "‮gnigats‬ USB token",
    "control characters": "USB\x1b[31m\x07\x00\n\ttoken\x85",
    "four thousand letters": "W" * 4000,
    "four thousand marks": "a" + "\u0301" * 3999,
    "markup": "<b>USB</b> <img src=x> &amp; token",
}


@pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE)
async def test_a_token_with_a_hostile_name_moves_and_hides_nothing(display: Display, label: str) -> None:
    """What stands below the name can still be read, typed into and pressed; nothing in it is obeyed."""
    async with token_window(display, token_label=label, token_serial=label, token_reader=label) as asked:
        names = "\n".join(await asked.person.names())
        for character in ("\u202e", "\u202c", "\x1b", "\x07", "\x85"):
            assert character not in names
        assert label[:3] not in ("<b>",) or "<b>USB</b>" in names
        await asked.fill(OLD, NEW, NEW)
        await asked.person.wait_until_ready("Change")
        await asked.person.press("Return")
        worker = await asked.worker()
        assert await worker.ask() == OLD.encode()


async def test_whatever_was_done_with_a_pin_that_everybody_knows_its_change_is_offered(display: Display) -> None:
    async with token_window(display, "generate") as asked:
        await asked.fill("12345678")
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        worker.say(pin.Accepted(default_pin=True))
        assert await ends(asked.dialogue.done()) is True
        await asked.person.reads("Done. Now change the PIN?")
        await asked.person.click("Change the PIN now")
        assert await ends(asked.dialogue.offer_taken()) is True
        await asked.person.wait_for_no_window("Pero")


async def test_who_changes_that_pin_is_not_asked_to(display: Display) -> None:
    async with token_window(display) as asked:
        await asked.fill("12345678", NEW, NEW)
        await asked.person.press("Return")
        worker = await asked.worker()
        await worker.ask()
        worker.say(pin.Accepted(default_pin=True))
        assert await worker.ask(purpose="new_pin") == NEW.encode()
        worker.say(pin.Accepted())
        assert await ends(asked.dialogue.done()) is False
