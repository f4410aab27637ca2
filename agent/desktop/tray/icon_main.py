"""The process of the icon where pystray draws it: ``python -m agent.desktop.tray.icon_main`` (see icon_process).

It ends with its standard input, and where the display is gone. On X11 pystray shows no menu: there a click opens Pero's
window, and the other button a menu that a process of its own shows (`windows/icon_menu.py`).
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agent.ipc.hardening import die_with_parent, harden

ICONS = Path(__file__).parents[1] / "icons"
OPEN = "open:certificates"
TOOLTIP_UNITS = 120  # UTF-16 units; Windows takes 127
TITLE_UNITS, BODY_UNITS = 60, 250  # of a notification; Windows takes 63 and 255
_MENU = ("-P", "-m", "agent.desktop.windows.icon_menu")  # -P: never import from the folder that the agent runs in


def main() -> int:
    harden(secret=False)
    die_with_parent()
    lines = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - a descriptor, and it is never closed
    first = lines.readline()
    if not first:
        return 0
    if sys.platform == "linux":
        os.environ.setdefault("PYSTRAY_BACKEND", "xorg")
    try:
        shown = Shown(json.loads(first))
    except Exception as error:  # noqa: BLE001 - pystray lets any error of its backend out at import
        sys.stderr.write(f"icon: {error}\n")
        return 1
    if hasattr(shown.icon, "serve"):
        shown.icon.serve(0, shown.hear)
    else:
        threading.Thread(target=shown.follow, args=(lines,), daemon=True).start()
        shown.icon.run()
    return 0


class Shown:
    """The icon and what it was last told to show."""

    def __init__(self, value: dict[str, Any]) -> None:
        import pystray
        from PIL import Image

        self._pystray, self._image = pystray, Image
        self._menu: subprocess.Popen[bytes] | None = None
        self._rows: list[list[str]] = []
        self.icon = self._make()
        self.show(value)

    def _make(self) -> Any:
        if sys.platform == "linux" and os.environ["PYSTRAY_BACKEND"] == "xorg":
            from agent.desktop.tray.icon_xorg import XorgIcon

            return XorgIcon("pero", self._open_menu, lambda docked: _say({"shown": docked}))
        _stay_out_of_the_dock()
        _say({"shown": True, "notifies": bool(self._pystray.Icon.HAS_NOTIFICATION)})
        return self._pystray.Icon("pero")

    def follow(self, lines: Iterable[bytes]) -> None:
        """Do what the agent says, until it says no more. AppKit's objects are touched in the main thread alone."""
        for line in lines:
            in_main_thread(functools.partial(self.hear, line))
        in_main_thread(self.icon.stop)

    def hear(self, line: bytes) -> None:
        value = json.loads(line)
        if "notify" in value:
            title, body = value["notify"]
            self.icon.notify(cut(body, BODY_UNITS), cut(title, TITLE_UNITS))
        else:
            self.show(value)

    def show(self, value: dict[str, Any]) -> None:
        self._rows = value["rows"]
        self.icon.icon = self._image.open(ICONS / f"{value['icon']}.png")
        self.icon.title = cut(value["tooltip"], TOOLTIP_UNITS)
        self.icon.menu = self._pystray.Menu(
            self._pystray.MenuItem(OPEN, lambda: _say({"action": OPEN}), default=True, visible=False),
            *(self._row(label, action) for label, action in self._rows),
        )

    def _row(self, label: str, action: str) -> Any:
        if not label:
            return self._pystray.Menu.SEPARATOR
        return self._pystray.MenuItem(label, lambda: _say({"action": action}), enabled=bool(action))

    def _open_menu(self, x: int, y: int) -> None:
        """Called where X events are; the menu is waited for elsewhere."""
        if self._menu is None or self._menu.poll() is not None:
            asked = json.dumps({"rows": self._rows, "place": [x, y]}).encode()
            threading.Thread(target=self._wait_for_menu, args=(asked,), daemon=True).start()

    def _wait_for_menu(self, asked: bytes) -> None:
        try:
            self._menu = menu = subprocess.Popen(
                [sys.executable, *_MENU], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            return
        chosen, _ = menu.communicate(asked)
        if action := chosen.decode("ascii", "replace").strip():
            _say({"action": action})


def in_main_thread(action: Callable[[], None]) -> None:
    """Where the toolkit asks for it; the others queue by themselves."""
    if sys.platform == "darwin":
        from PyObjCTools import AppHelper

        AppHelper.callAfter(action)
    else:
        action()


def _stay_out_of_the_dock() -> None:
    if sys.platform == "darwin":
        import AppKit

        accessory = 1  # NSApplicationActivationPolicyAccessory
        AppKit.NSApplication.sharedApplication().setActivationPolicy_(accessory)


def cut(words: str, units: int) -> str:
    """At most so many UTF-16 units, no character halved."""
    if len(words.encode("utf-16-le")) // 2 <= units:
        return words
    return words.encode("utf-16-le")[: 2 * (units - 1)].decode("utf-16-le", "ignore") + "…"


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
