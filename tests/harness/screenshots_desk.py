"""Pictures of every page of Pero's window: ``python -m tests.harness.screenshots_desk [FOLDER]`` (build/screenshots).

Both languages, light and dark, at 100 and 200 %, of a real agent with two key files, a signature and a history.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from agent.desktop.windows.desk.pages import PAGES
from tests.harness.command_line import CommandLine
from tests.harness.display import Display
from tests.harness.keyfiles import PASSPHRASE, make_key_file
from tests.harness.prompts import CONTRACT
from tests.harness.screenshots import COLOURS, FOLDER, SCREENS, Variant, dark_desktop, wanted

_SHOWN = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "NO_AT_BRIDGE")
_LOCALES = {"en": "en_GB.UTF-8", "ru": "ru_RU.UTF-8"}
_DOCUMENTS = {"en": ("Contract.txt", "Act.txt"), "ru": ("Договор.txt", "Акт.txt")}
_STILL = 3  # looks in a row that are the same: the page is done


def lived_in(pero: CommandLine, language: str) -> list[str]:
    """Documents, one of them signed, and what is left of that in the journal."""
    for kind in ("p256", "rsa2048"):
        made = make_key_file(pero.folder, kind, name=f"{kind}.p12")
        pero.run("keyfile", "add", made.path, pin=PASSPHRASE)
    names = list(_DOCUMENTS[language])
    for name in names:
        (pero.folder / name).write_text(CONTRACT[language])
    chosen = pero.run("certificates", "--json").json["certificates"][0]["thumbprint"]
    pero.run("sign", names[0], "--certificate", chosen, pin=PASSPHRASE)
    pero.run("sites", "block", "https://fraud.example")
    return names


def files_for(page: str, names: list[str]) -> list[str]:
    return {"sign": names, "verify": [f"{names[0]}.p7s", names[1]]}.get(page, [])


def pictures(folder: Path, variant: Variant) -> Iterator[Path]:
    language = variant.language
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        display = stack.enter_context(Display(size=SCREENS[variant.scale]))
        pero = stack.enter_context(CommandLine(place))
        pero.environment |= {name: display.environment[name] for name in _SHOWN}
        pero.environment |= {"LANG": _LOCALES[language], "QT_SCALE_FACTOR": str(variant.scale)}
        pero.environment |= dark_desktop(place) if variant.dark else {}
        names = lived_in(pero, language)
        stack.enter_context(pero.agent())
        for page in PAGES:
            pero.run("desk", page, *files_for(page, names))
            yield still(display, folder / f"desk-{page}-{variant}.png")


def still(display: Display, path: Path) -> Path:
    """The window, once it does not change any more."""
    seen: list[bytes] = []

    def look() -> bool:
        display.screenshot(path, window=display.wait_for_window("— Pero"))
        seen.append(Image.open(path).convert("RGB").tobytes())
        return len(seen) >= _STILL and len(set(seen[-_STILL:])) == 1

    display.until(look, "a window that stands still", 60)
    Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main(folder: Path, only: str = "") -> None:
    """`only`: the one variant that is wanted, such as "ru-dark"."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in wanted(only):
        for path in pictures(folder, variant):
            print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER, *sys.argv[2:3])
