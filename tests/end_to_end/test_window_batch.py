"""The window of many documents, real and by keyboard: list, search, strike out, look, progress, stop (R6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from agent.consent.prompter import BatchAnswer, BatchDocument, BatchPrompt, Progress, ShownDocument
from agent.desktop.window_prompter import WindowPrompter
from agent.errors import Refused, TokenAbsent
from agent.ipc import pin
from agent.pdf.drawing import draw
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import Person, Worker
from tests.unit.test_pdf_drawing import pdf

PIN = "12345678"
ROWS = 40


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display() as display:
        yield display


def prompt(count: int = ROWS) -> BatchPrompt:
    rows = tuple(
        BatchDocument(f"contract {n}.txt", 100 + n, "sha256", "ab" * 32, "The document is damaged." if n == 1 else "")
        for n in range(count)
    )
    return BatchPrompt(
        origin=prompts.ORIGIN, shown_origin=prompts.ORIGIN, documents=rows, certificates=prompts.certificates(),
        chosen=None, faults=(), language="en",
    )  # fmt: skip


async def show(index: int) -> AsyncGenerator[ShownDocument | None, None]:
    yield prompts.document(name=f"contract {index}.txt", text=f"text of {index}")


async def test_documents_are_found_looked_at_struck_out_signed_and_stopped_by_keyboard(display: Display) -> None:
    person = Person(display)
    async with (
        asyncio.timeout(60),
        WindowPrompter(display.environment).ask_batch(prompt(), show) as dialogue,
    ):
        await person.wait_until_ready("Refuse")
        await person.reads("39 of 40 are going to be signed")
        await person.reads("The document is damaged.")
        await person.point_and_click("Find by name")
        await person.type_keys("17")
        await until_read(person, "text of 17")
        await person.press("Tab")
        await person.press("space")
        await person.reads("38 of 40 are going to be signed")
        await person.press("Tab", "Tab", "Tab")
        await person.focus_is_on("PIN")
        await person.sign(PIN)
        assert await dialogue.confirmed() == BatchAnswer(prompts.certificates()[0].thumbprint, (17,))
        worker = Worker(dialogue.pin_source())
        assert await worker.ask() == PIN.encode()
        worker.say(pin.Accepted())
        await person.reads("The documents are being signed")
        await dialogue.progress(Progress(0, 1, ROWS, (), (3,)))
        await person.reads("Signed: 0 of 40. To be signed: 37")
        await person.wait_until_ready("Refuse")  # nothing is signed yet
        await dialogue.progress(Progress(20, 1, ROWS, (*range(20, 40),)))
        await person.reads("Signed: 20 of 40. To be signed: 17")
        await person.wait_until_ready("Stop")
        await person.click("Stop")
        await dialogue.stopped()
        worker.close()
    await person.wait_for_no_window("Pero")


async def test_the_pin_is_in_sight_while_a_document_is_looked_at_on_a_small_screen() -> None:
    with Display(size=(1366, 768)) as small:
        person = Person(small)
        async with asyncio.timeout(60), WindowPrompter(small.environment).ask_batch(prompt(), show) as dialogue:
            await person.wait_until_ready("Refuse")
            await person.point_and_click("Find by name")
            await person.type_keys("17")
            await until_read(person, "text of 17")
            await person.point_and_click("PIN")
            await person.focus_is_on("PIN")
            await person.sign(PIN)
            assert (await dialogue.confirmed()).struck == ()


async def test_after_a_failure_the_person_sees_what_is_done_and_goes_on_or_finishes(display: Display) -> None:
    person = Person(display)
    async with (
        asyncio.timeout(60),
        WindowPrompter(display.environment).ask_batch(prompt(), show) as dialogue,
    ):
        await person.wait_until_ready("Refuse")
        await person.sign(PIN)
        await dialogue.confirmed()
        await dialogue.progress(Progress(2, 1, ROWS, (0, 2), (3,)))
        await dialogue.failed(TokenAbsent(token="t", module="m"))
        await person.wait_until_ready("Finish")
        names = await person.names()
        assert any(name.startswith("✓ contract 0.txt") for name in names)
        assert any(name.startswith("✗ contract 3.txt") for name in names)
        assert "Signed: 2 of 40. To be signed: 36" in names
        await person.sign(PIN)
        assert await dialogue.confirmed() == BatchAnswer(prompts.certificates()[0].thumbprint)
        await person.wait_until_ready("Stop")
        await dialogue.failed(TokenAbsent(token="t", module="m"))
        await person.wait_until_ready("Finish")
        await person.click("Finish")
        with pytest.raises(Refused):
            await dialogue.confirmed()
    await person.wait_for_no_window("Pero")


async def test_pages_of_a_document_are_looked_at_and_the_pin_stays_in_sight(tmp_path: Path) -> None:
    pages = await draw(pdf(2, drawn=b"1 0 0 rg 0 0 600 800 re f"))

    async def drawn(index: int) -> AsyncGenerator[ShownDocument | None, None]:
        plain = prompts.document(name=f"contract {index}.pdf", preview=None)
        yield plain
        yield msgspec.structs.replace(plain, drawings=pages)

    with Display(size=(1366, 768)) as small:
        person = Person(small)
        async with asyncio.timeout(120), WindowPrompter(small.environment).ask_batch(prompt(), drawn) as dialogue:
            await person.wait_until_ready("Refuse")
            await person.point_and_click("Find by name")
            await person.type_keys("17")
            await until_read(person, "Page 2 of 2")
            window = await person.wait_for_window("Pero")
            shot = Image.open(await person.screenshot(tmp_path / "seen.png", window=window)).convert("RGB")
            assert any(colour == (255, 0, 0) for _, colour in shot.getcolors(shot.width * shot.height) or ())
            await person.point_and_click("PIN")
            await person.focus_is_on("PIN")
            await person.sign(PIN)
            assert (await dialogue.confirmed()).struck == ()


async def until_read(person: Person, words: str) -> None:
    while not any(words in (name or "") for name in await person.names()):
        await asyncio.sleep(0.05)
