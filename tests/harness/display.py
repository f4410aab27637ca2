"""A display of one's own: Xvfb, a window manager, a private D-Bus and AT-SPI, and a person's hands and eyes on it.

    with Display() as display:
        process = subprocess.Popen([...], env=display.environment)   # a browser, the agent: it inherits all it needs
        display.wait_for_window("Pero")          # by a part of the title; brings the newest one to the front
        display.wait_until_ready("Sign")         # the button of Pero's window became enabled (it is dead for a second)
        display.type_keys("12345678")            # into whatever has the focus
        display.press("Return")                  # X key names: "Tab", "Escape", "alt+s"
        display.click("Refuse")                  # a button of Pero's window by its accessible name (AT-SPI action)
        display.point_and_click("Refuse")        # the same with the mouse pointer
        display.screenshot(path)                 # PNG of the whole screen
        display.accessible.tree()                # what a screen reader sees; see `Accessible`

`display.sign(pin)` is the whole way of a person in Pero's signing window: wait, type the PIN, press Enter.

Languages: accessible names are in the language of the prompt. Everything that is started here is ended by `close`.
The AT-SPI half runs in the system's Python (package python3-gi), which the tests' own interpreter does not have.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.screen_reader import DEADLINE, Accessible, DisplayError, end

_POLL = 0.03  # seconds between two looks at things that send no event


class Display:
    """See the module's docstring. `environment` is for the programs that shall appear here.

    `apart`: the display has a number far from those that X servers take by themselves. A server in another network
    namespace takes the file of a socket away from one here, and only libxcb looks for the abstract one first.
    """

    def __init__(
        self, *, size: tuple[int, int] = (1280, 900), window_manager: bool = True, apart: bool = False
    ) -> None:
        self.size = size
        self._apart = apart
        self._window_manager = window_manager
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="pero-display-"))
        self._accessible: Accessible | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Display:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the display and all that belongs to it."""
        runtime = self._folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in ("WAYLAND_DISPLAY", "AT_SPI_BUS_ADDRESS", "QT_QPA_PLATFORM")
            },
            "XDG_RUNTIME_DIR": str(runtime),
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "NO_AT_BRIDGE": "0",
        }
        self.environment["DISPLAY"] = f":{self._start_xvfb()}"
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._start_bus()
        self._start(["/usr/libexec/at-spi-bus-launcher", "--launch-immediately"])
        if self._window_manager:
            self._start(["openbox", "--sm-disable"])
            self.until(self._has_window_manager, "a window manager")

    def close(self) -> None:
        if self._accessible is not None:
            self._accessible.close()
            self._accessible = None
        for process in reversed(self._processes):
            end(process)
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    # Hands

    def press(self, *keys: str) -> None:
        """Press keys or chords, by X names, one after the other."""
        self._xdotool("key", *keys)

    def type_keys(self, text: str) -> None:
        """Type a text into what has the focus. Given by a file, so that no PIN is in a command line.

        For a letter that the keyboard lacks xdotool gives a key another meaning for a moment: a window that is slow to
        read it would read the next letter's.
        """
        delay = "8" if text.isascii() else "100"  # milliseconds
        self._xdotool("type", "--clearmodifiers", "--delay", delay, "--file", "-", stdin=text)

    def lock_layout(self, group: int) -> None:
        """Switch to a keyboard layout of those set with ``setxkbmap``, counted from 0 (XkbLockGroup)."""
        library = ctypes.CDLL("libX11.so.6")
        library.XOpenDisplay.restype = ctypes.c_void_p
        connection = ctypes.c_void_p(library.XOpenDisplay(self.environment["DISPLAY"].encode()))
        library.XkbLockGroup(connection, 0x100, group)  # XkbUseCoreKbd
        library.XSync(connection, 0)
        library.XCloseDisplay(connection)

    def click_at(self, x: int, y: int, *, button: int = 1) -> None:
        self._xdotool("mousemove", "--sync", str(x), str(y), "click", str(button))

    def click(self, name: str, *, app: str = "Pero", deadline: float = DEADLINE) -> None:
        """Press an enabled button (or tick a box) by its accessible name, as a screen reader does."""
        self.wait_until_ready(name, app=app, deadline=deadline)
        self.accessible.act(name, app=app)

    def point_and_click(self, name: str, *, app: str = "Pero", deadline: float = DEADLINE) -> None:
        """Move the pointer to something of that accessible name and click, enabled or not."""
        node = self.wait_for_accessible(name, app=app, deadline=deadline)
        x, y, width, height = node["extents"]
        self.click_at(x + width // 2, y + height // 2)

    def sign(self, pin: str, *, button: str = "Sign", deadline: float = DEADLINE) -> None:
        """What a person does in Pero's signing window. `button`: "Подписать" where the window speaks Russian."""
        self.wait_for_window("Pero", deadline=deadline)
        self.until(self._pin_field_is_ready, "a PIN field that takes keys", deadline)
        self.type_keys(pin)
        self.wait_until_ready(button, deadline=deadline)
        self.press("Return")

    # Eyes

    @property
    def accessible(self) -> Accessible:
        """The display as a screen reader sees it; started on first use."""
        if self._accessible is None:
            self._accessible = Accessible(self.environment)
        return self._accessible

    def windows(self, title: str) -> list[int]:
        """Ids of visible windows with this in their title, oldest first."""
        found = self._xdotool("search", "--onlyvisible", "--name", re.escape(title), check=False)
        return [int(line) for line in found.split()]

    def wait_for_window(self, title: str, *, deadline: float = DEADLINE, front: bool = True) -> int:
        """The newest visible window with this in its title; it is brought to the front. Its X id."""
        window = self.until(lambda: (self.windows(title) or [0])[-1], f"a window called {title!r}", deadline)
        if front and self._window_manager:
            self._xdotool("windowactivate", "--sync", str(window), check=False)
        return window

    def wait_for_no_window(self, title: str, *, deadline: float = DEADLINE) -> None:
        self.until(lambda: not self.windows(title), f"no window called {title!r}", deadline)

    def active_window(self) -> int:
        return int(self._xdotool("getactivewindow", check=False).strip() or 0)

    def wait_for_accessible(
        self,
        name: str | None,
        *,
        role: str | None = None,
        state: str | None = None,
        app: str = "Pero",
        deadline: float = DEADLINE,
    ) -> dict[str, Any]:
        """The first thing on the screen with this accessible name, role and state, any of which may be left open."""

        def look() -> dict[str, Any] | None:
            nodes = self.accessible.find(app=app, name=name, role=role)
            return next((node for node in nodes if state is None or state in node["states"]), None)

        return self.until(look, f"something called {name!r} of role {role!r} that is {state!r}", deadline)

    def wait_until_ready(
        self, button: str, *, app: str = "Pero", deadline: float = DEADLINE, enabled: bool | None = True
    ) -> None:
        """Wait until a button is enabled (it is dead for a second); `enabled` None: until it is there."""

        def look() -> bool:
            nodes = self.accessible.find(app=app, name=button)
            return any(enabled is None or ("enabled" in node["states"]) is enabled for node in nodes)

        self.until(look, f"button {button!r} enabled={enabled}", deadline)

    def screenshot(self, path: Path, *, window: int | None = None) -> Path:
        """A PNG of the whole screen or of one window."""
        target = str(window) if window else "root"
        subprocess.run(["import", "-window", target, str(path)], env=self.environment, check=True, timeout=DEADLINE)
        return path

    # How it is done

    def _start_xvfb(self) -> int:
        read, write = os.pipe()
        screen = f"{self.size[0]}x{self.size[1]}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"]
        if self._apart:
            command.insert(1, f":{_free_number()}")
        try:
            self._start(command, pass_fds=(write,))
        finally:
            os.close(write)
        return int(_read_line(read, "Xvfb"))

    def _start_bus(self) -> str:
        read, write = os.pipe()
        address = f"--address=unix:path={self._folder}/bus"
        try:
            command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", address, f"--print-address={write}"]
            self._start(command, pass_fds=(write,))
        finally:
            os.close(write)
        return _read_line(read, "dbus-daemon")

    def _start(self, command: list[str], *, pass_fds: tuple[int, ...] = ()) -> None:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            command,
            env=self.environment,
            pass_fds=pass_fds,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
        self._processes.append(process)

    def _pin_field_is_ready(self) -> bool:
        fields = self.accessible.find(role="password text")
        return any("focused" in field["states"] and "read only" not in field["states"] for field in fields)

    def _has_window_manager(self) -> bool:
        command = ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"]
        found = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        return "window id" in found.stdout

    def _xdotool(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        if check and done.returncode:
            raise DisplayError(f"xdotool {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def until(self, look: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
        """Look again and again until something true is seen; it is returned. Raises DisplayError at the deadline."""
        end = time.monotonic() + deadline
        while True:
            seen = look()
            if seen:
                return seen
            if time.monotonic() > end:
                raise DisplayError(f"waited {deadline} s for {what}\n{self._describe()}")
            time.sleep(_POLL)

    def _describe(self) -> str:
        """What is on the screen, for the message of a failure."""
        if self._accessible is None:
            return ""
        with contextlib.suppress(Exception):
            return "\n".join(
                f"{'  ' * node['depth']}{node['role']}: {node['name']!r} {node['states']}"
                for node in self.accessible.tree()
            )
        return ""


def _free_number() -> int:
    """Of a display that nobody has."""
    while True:
        number = random.randrange(1000, 60000)
        if not Path(f"/tmp/.X{number}-lock").exists() and not Path(f"/tmp/.X11-unix/X{number}").exists():
            return number


def _read_line(descriptor: int, who: str) -> str:
    """The line that a program writes when it stands."""
    with os.fdopen(descriptor, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], DEADLINE)
        line = pipe.readline().decode().strip() if ready else ""
    if not line:
        raise DisplayError(f"{who} did not start")
    return line
