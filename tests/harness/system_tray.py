"""A system tray of X11, for tests: who shows icons on desktops without StatusNotifierItem. It uses nothing of ours.

    with SystemTray(display.environment) as tray:
        x, y = tray.wait_for_icon()      # docked and on the screen; its middle, to be clicked at
        tray.picture()                   # what stands there, over the panel's own colour

freedesktop.org's System Tray Protocol 0.3 and XEMBED 0.5, from the side of the tray, with python-xlib: a process of its
own (``python -m tests.harness.system_tray``), which ends as a panel does that crashes.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from Xlib import X, display, error
from Xlib.protocol import event

from tests.harness.places import ROOT

WAIT = 60.0  # seconds
CORNER, SIDE = 8, 32  # pixels: where the panel is, and how large
PANEL = (250, 240, 220)  # its colour
_EMBEDDED_NOTIFY = 0
_REQUEST_DOCK = 0


class SystemTray:
    """One panel in a corner of the screen, with room for one icon. `asked`: how often one asked to be docked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self.asked = 0

    def __enter__(self) -> SystemTray:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.system_tray"],
            cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self._until("stands")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(WAIT)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def wait_for_icon(self) -> tuple[int, int]:
        self._until("docked")
        return CORNER + SIDE // 2, CORNER + SIDE // 2

    def picture(self) -> Image.Image:
        """What is to be seen where the icon is."""
        connection = display.Display(self._environment["DISPLAY"])
        try:
            root = connection.screen().root
            seen = root.get_image(CORNER, CORNER, SIDE, SIDE, X.ZPixmap, 0xFFFFFFFF)
            return Image.frombytes("RGB", (SIDE, SIDE), seen.data, "raw", "BGRX")
        finally:
            connection.close()

    def wait_for_picture(self, icon: Path, most: float) -> None:
        """Until what is to be seen differs from that file by at most so much (mean of 255 a channel)."""
        expected = _over_the_panel(icon)
        until = time.monotonic() + WAIT
        while (difference := _apart(self.picture(), expected)) > most:
            assert time.monotonic() < until, f"another picture: {difference:.1f} of 255"
            time.sleep(0.05)

    def _until(self, word: str) -> None:
        assert self._process.stdout is not None
        until = time.monotonic() + WAIT
        while True:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"the tray never said {word!r}"
            line = self._process.stdout.readline().decode().strip()
            assert line, "the tray ended"
            self.asked += line == "asked"
            if line == word:
                return


def _over_the_panel(path: Path) -> Image.Image:
    """An icon's file as it should look in the tray."""
    with Image.open(path) as icon:
        small = icon.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    panel = Image.new("RGBA", (SIDE, SIDE), (*PANEL, 255))
    return Image.alpha_composite(panel, small).convert("RGB")


def _apart(one: Image.Image, other: Image.Image) -> float:
    """Mean difference, of 255, over pixels and channels."""
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(first - second) for first, second in pairs) / (SIDE * SIDE * 3)


class _Panel:
    def __init__(self) -> None:
        self._display = display.Display()
        self._opcode, self._xembed = self._atom("_NET_SYSTEM_TRAY_OPCODE"), self._atom("_XEMBED")
        screen = self._display.screen()
        red, green, blue = PANEL
        self._window = screen.root.create_window(
            *(CORNER, CORNER, SIDE, SIDE, 0, screen.root_depth),
            background_pixel=red << 16 | green << 8 | blue,
            override_redirect=1,
            event_mask=X.SubstructureNotifyMask | X.VisibilityChangeMask,
        )
        self._window.map()
        selection = self._atom(f"_NET_SYSTEM_TRAY_S{self._display.get_default_screen()}")
        self._window.set_selection_owner(selection, X.CurrentTime)
        manager = self._message(screen.root, self._atom("MANAGER"), X.CurrentTime, selection, self._window.id)
        screen.root.send_event(manager, event_mask=X.StructureNotifyMask)
        self._display.sync()
        assert self._display.get_selection_owner(selection) == self._window

    def run(self) -> None:
        _say("stands")
        while True:
            heard = self._display.next_event()
            if heard.type == X.ClientMessage and heard.client_type == self._opcode:
                if heard.data[1][1] == _REQUEST_DOCK:
                    _say("asked")
                    self._dock(heard.data[1][2])
            elif heard.type == X.MapNotify and heard.window != self._window:
                _say("docked")
            elif heard.type == X.VisibilityNotify and heard.state != X.VisibilityUnobscured:
                self._window.raise_window()  # panels are above other windows
                self._display.flush()

    def _dock(self, number: int) -> None:
        icon = self._display.create_resource_object("window", number)
        gone = error.CatchError(error.BadWindow)
        icon.change_save_set(X.SetModeInsert, onerror=gone)
        icon.reparent(self._window, 0, 0, onerror=gone)
        icon.configure(width=SIDE, height=SIDE, onerror=gone)
        icon.send_event(self._message(icon, self._xembed, X.CurrentTime, _EMBEDDED_NOTIFY, 0, self._window.id))
        icon.map(onerror=gone)
        self._display.flush()

    def _atom(self, name: str) -> int:
        return int(self._display.intern_atom(name))

    @staticmethod
    def _message(window: Any, kind: int, *data: int) -> event.ClientMessage:
        return event.ClientMessage(window=window, client_type=kind, data=(32, [*data, 0, 0, 0, 0][:5]))


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    _Panel().run()
