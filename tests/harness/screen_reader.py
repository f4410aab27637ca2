"""The display as a screen reader sees it (AT-SPI), asked through `accessible.py` in the system's own Python."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

DEADLINE = 60.0  # seconds; generous, nothing waits for it unless something is broken
_READER = Path(__file__).with_name("accessible.py")
_SYSTEM_PYTHON = "/usr/bin/python3"


class DisplayError(AssertionError):
    """What was awaited on the display did not happen."""


class Accessible:
    """The tree of AT-SPI. A node has role, name, description, states, extents, text, depth, actions."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [_SYSTEM_PYTHON, "-W", "ignore", str(_READER)],
            env={key: value for key, value in environment.items() if not key.startswith("PYTHON")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._call("hello")

    def tree(self, app: str = "Pero") -> list[dict[str, Any]]:
        """Every visible node of an application, in the order of the tree."""
        nodes: list[dict[str, Any]] = self._call("tree", app=app)
        return nodes

    def find(self, *, app: str = "Pero", name: str | None = None, role: str | None = None) -> list[dict[str, Any]]:
        return [
            node
            for node in self.tree(app)
            if (name is None or node["name"] == name) and (role is None or node["role"] == role)
        ]

    def act(self, name: str, *, app: str = "Pero") -> None:
        """Do the first action (press, toggle) of the first thing of this name that has one."""
        if not self._call("act", app=app, name=name):
            raise DisplayError(f"nothing called {name!r} to act on")

    def fill(self, name: str, text: str, *, app: str = "Pero") -> None:
        """Put a text into the first field of this name."""
        if not self._call("fill", app=app, name=name, text=text):
            raise DisplayError(f"no field called {name!r}")

    def focus_moves(self) -> list[list[tuple[str, str, int]]]:
        """Where the focus went since the last call: of each place role, name and number among its neighbours, and
        the same of all that it stands in, outwards."""
        moves = self._call("focus_moves")
        return [[(role, name, number) for role, name, number in chain] for chain in moves]

    def announcements(self) -> list[str]:
        """What a screen reader was told to say since the last call: announcements and alerts."""
        said: list[str] = self._call("announcements")
        return said

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        end(self._process)
        self._process.stdout.close()

    def _call(self, verb: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise DisplayError("the AT-SPI reader ended")
        answer = json.loads(line)
        if "error" in answer:
            raise DisplayError(f"AT-SPI: {answer['error']}")
        return answer["result"]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the group of those that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
