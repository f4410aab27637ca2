"""Pictures of every window in both languages: ``python -m tests.harness.screenshots [FOLDER]`` (build/screenshots)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from agent.desktop import messages
from agent.desktop.window_process import WindowProcess, open_window
from agent.ipc import pin
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import WORDS, Person, Worker

FOLDER = Path("build/screenshots")
COLOURS = 200  # of the palette: flat pictures stay small


def shows(language: str) -> Iterator[tuple[str, messages.Show]]:
    """Name of the picture, and what the window shows."""
    yield "connection", messages.ShowConnection(prompts.connection(language))
    yield "choice", messages.ShowChoice(prompts.choice(language))
    yield "signing", messages.ShowSigning(prompts.signing(language, certificates=prompts.certificates(language)[:2]))
    yield (
        "digest",
        messages.ShowSigning(
            prompts.signing(
                language, document=prompts.document(language, digest_only=True, preview=None, media_type="")
            )
        ),
    )
    last = prompts.certificate(language=language, warnings=("pin_final_try",))
    yield "last-try", messages.ShowSigning(prompts.signing(language, certificates=(last,)))
    yield "wrong-pin", messages.ShowSigning(prompts.signing(language))
    yield "passphrase", messages.ShowPassphrase(prompts.passphrase(language))


async def picture(person: Person, language: str, name: str, show: messages.Show, folder: Path) -> None:
    async with open_window(show, person.display.environment) as window:
        shown = await person.wait_for_window("Pero")
        await person.wait_until_ready(WORDS[language][0])
        with contextlib.ExitStack() as stack:
            if name == "wrong-pin":
                stack.enter_context(contextlib.closing(await wrong_pin(person, window, language)))
            elif name == "signing":
                await person.type_keys("123456")
            path = folder / f"{name}-{language}.png"
            await person.screenshot(path, window=shown)
    Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


async def wrong_pin(person: Person, window: WindowProcess, language: str) -> Worker:
    """A PIN is typed, and the token says no; the worker's end of the conversation that goes on."""
    await person.sign("0000", button=WORDS[language][1])
    await window.answer(messages.Confirmed)
    worker = Worker(window.pin_source())
    await worker.ask()
    worker.say(pin.Ask(retry=True, tries_left=2))
    await person.reads("2")
    return worker


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with Display() as display:
        for language in WORDS:
            for name, show in shows(language):
                await picture(Person(display), language, name, show, folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
