"""Pictures of every prompt: ``python -m tests.harness.screenshots [FOLDER [VARIANT]]`` (build/screenshots).

Both languages, light and dark, at 100 % on a usual screen and at 200 % on a small one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from agent.desktop import messages
from agent.desktop.window_process import WindowProcess, open_window
from agent.ipc import pin
from tests.harness import prompts
from tests.harness.display import Display
from tests.harness.person import WORDS, Person, Worker

FOLDER = Path("build/screenshots")
CANCEL = {"en": "Cancel", "ru": "Отмена"}
LATER = {"en": "Later", "ru": "Позже"}
PIN = {"en": "PIN", "ru": "PIN-код"}
FIND = {"en": "Find by name", "ru": "Найти по имени"}
STOP = {"en": "Stop", "ru": "Остановить"}
COLOURS = 200  # of the palette: flat pictures stay small
SCREENS = {1: (1366, 768), 2: (1024, 600)}  # pixels, by scale


class Variant(NamedTuple):
    """How a window is looked at."""

    language: str
    dark: bool
    scale: int

    def __str__(self) -> str:
        """As the names of pictures say it: "ru-dark-200"."""
        return f"{self.language}{'-dark' if self.dark else ''}{'-200' if self.scale == 2 else ''}"


VARIANTS = [Variant(*one) for one in itertools.product(WORDS, (False, True), SCREENS)]


def wanted(only: str) -> list[Variant]:
    """Those that are asked for by name; all of them where none is."""
    return [variant for variant in VARIANTS if only in ("", str(variant))]


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
    yield "batch", messages.ShowBatch(prompts.batch(language))
    yield "batch-progress", messages.ShowBatch(prompts.batch(language))
    last = prompts.certificate(language=language, warnings=("pin_final_try",))
    yield "last-try", messages.ShowSigning(prompts.signing(language, certificates=(last,)))
    yield "wrong-pin", messages.ShowSigning(prompts.signing(language))
    yield "passphrase", messages.ShowPassphrase(prompts.passphrase(language))
    yield (
        "insert-token",
        messages.ShowSigning(prompts.signing(language, certificates=(), insert_token=True)),
    )
    yield "default-pin", messages.ShowSigning(prompts.signing(language))
    for action in ("change_pin", "unblock", "generate", "request", "import", "delete"):
        yield action.replace("_", "-"), messages.ShowToken(prompts.token(action, language))
    yield (
        "delete-key-file",
        messages.ShowToken(
            prompts.token("delete", language, key_file=True, secrets=(), token_label="signer-rsa.p12", token_reader="")
        ),
    )
    yield "on-reader", messages.ShowToken(prompts.token("change_pin", language, protected_path=True))
    yield "new-pins-differ", messages.ShowToken(prompts.token("change_pin", language))


async def picture(person: Person, variant: Variant, name: str, show: messages.Show, folder: Path) -> None:
    language = variant.language
    environment = person.display.environment | (dark_desktop(folder) if variant.dark else {})
    async with open_window(show, environment | {"QT_SCALE_FACTOR": str(variant.scale)}) as window:
        shown = await person.wait_for_window("Pero")
        await person.wait_until_ready(CANCEL[language] if isinstance(show, messages.ShowToken) else WORDS[language][0])
        with contextlib.ExitStack() as stack:
            if name == "wrong-pin":
                stack.enter_context(contextlib.closing(await wrong_pin(person, window, language)))
            elif name == "default-pin":
                stack.enter_context(contextlib.closing(await default_pin(person, window, language)))
            elif name == "new-pins-differ":
                await person.type_keys("12345678\tmy-own-pin\tmy-own-pim")
            elif name == "batch":
                await looked_at(person, window, language)
            elif name == "batch-progress":
                stack.enter_context(contextlib.closing(await under_way(person, window, language)))
            elif name == "signing" and variant.scale == 1:
                await go_to(person, PIN[language])
                await person.type_keys("123456")
            path = folder / f"{name}-{variant}.png"
            await person.screenshot(path, window=shown)
    Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


async def go_to(person: Person, name: str) -> None:
    """By Tab, for a small screen does not show all of a window at once."""
    for _ in range(20):
        focused = [node["name"] for node in person.display.accessible.tree() if "focused" in node["states"]]
        if name in focused:
            return
        await person.press("Tab")
        await asyncio.to_thread(
            person.display.until,
            lambda before=focused: (
                [node["name"] for node in person.display.accessible.tree() if "focused" in node["states"]] != before
            ),
            "another focus",
        )


async def wrong_pin(person: Person, window: WindowProcess, language: str) -> Worker:
    """A PIN is typed, and the token says no; the worker's end of the conversation that goes on."""
    await go_to(person, PIN[language])
    await person.sign("0000", button=WORDS[language][1])
    await window.answer(messages.Confirmed)
    worker = Worker(window.pin_source())
    await worker.ask()
    worker.say(pin.Ask(retry=True, tries_left=2))
    await person.reads("2")
    return worker


async def default_pin(person: Person, window: WindowProcess, language: str) -> Worker:
    """The PIN that was typed is the vendor's, and the signature is made."""
    await go_to(person, PIN[language])
    await person.sign("12345678", button=WORDS[language][1])
    await window.answer(messages.Confirmed)
    worker = Worker(window.pin_source())
    await worker.ask()
    worker.say(pin.Accepted(default_pin=True))
    await window.tell(messages.Done())
    await window.answer(messages.Offering)
    await person.wait_until_ready(LATER[language])
    return worker


async def looked_at(person: Person, window: WindowProcess, language: str) -> None:
    """The person finds a document and looks at it."""
    act = prompts.batch(language).documents[6]
    await go_to(person, FIND[language])
    await person.type_keys("7")
    while not isinstance(await window.said(), messages.LookAt):
        pass
    await window.tell(messages.ShowDocument(6, prompts.document(language, name=act.name)))
    await person.reads("SHA-256")


async def under_way(person: Person, window: WindowProcess, language: str) -> Worker:
    """Half of the signatures are made."""
    await go_to(person, PIN[language])
    await person.sign("12345678", button=WORDS[language][1])
    while not isinstance(await window.said(), messages.ConfirmedBatch):
        pass
    worker = Worker(window.pin_source())
    await worker.ask()
    worker.say(pin.Accepted())
    await window.tell(messages.Progressed(5, 1, 12))
    await person.wait_until_ready(STOP[language])
    return worker


def dark_desktop(folder: Path) -> dict[str, str]:
    """The environment of a KDE desktop with dark colours, which Qt reads without KDE being there."""
    home = folder / ".dark"
    home.mkdir(exist_ok=True)
    groups = {
        "Colors:Window": ("42,46,50", "252,252,252"),
        "Colors:View": ("27,30,32", "252,252,252"),
        "Colors:Button": ("49,54,59", "252,252,252"),
        "Colors:Selection": ("61,174,233", "252,252,252"),
        "Colors:Tooltip": ("49,54,59", "252,252,252"),
    }
    lines = [
        f"[{name}]\nBackgroundNormal={ground}\nForegroundNormal={words}\nBackgroundAlternate={ground}\n"
        "ForegroundInactive=161,169,177\nForegroundLink=29,153,243\nForegroundVisited=155,89,182\n"
        for name, (ground, words) in groups.items()
    ]
    (home / "kdeglobals").write_text("\n".join(lines))
    return {
        "XDG_CONFIG_HOME": str(home),
        "XDG_CURRENT_DESKTOP": "KDE",
        "KDE_FULL_SESSION": "true",
        "KDE_SESSION_VERSION": "5",
        "QT_QPA_PLATFORMTHEME": "kde",
    }


async def main(folder: Path, only: str = "") -> None:
    """`only`: the one variant that is wanted, such as "ru-dark"."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in wanted(only):
        with Display(size=SCREENS[variant.scale]) as display:
            for name, show in shows(variant.language):
                await picture(Person(display), variant, name, show, folder)
                print(folder / f"{name}-{variant}.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, *sys.argv[2:3]))
