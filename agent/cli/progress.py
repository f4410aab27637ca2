"""How far a long piece of work is, in one line of a terminal that is written over and goes away when it is done."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from agent.cli.context import Context

INTERVAL = 0.1  # seconds between two looks of the line
_COLUMNS = 80  # of a terminal that does not say
_MEGABYTE = 1 << 20  # bytes
_BEGINNING = 0.3  # seconds; what is quicker needs no progress


class Progress:
    """Silent where stderr is no terminal. Wordings have {done} and {size}, in megabytes, and {percent}."""

    name = "1"  # of the one reading that a command waits for

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_shown = sys.stderr.isatty()
        self._next = time.monotonic() + _BEGINNING
        self._columns = 0

    def notified(self, method: str, parameters: dict[str, Any]) -> None:
        """What the agent says by itself."""
        if method == "progress" and parameters.get("progress") == self.name:
            self.show("sign.reading", int(parameters["done"]), int(parameters["size"]))

    def writing(self, done: int, size: int) -> None:
        self.show("sign.writing", done, size)

    def show(self, what: str, done: int, size: int) -> None:
        now = time.monotonic()
        if done >= size:  # others may write there now: the PIN is asked for
            self.close()
            return
        if not self._is_shown or now < self._next:
            return
        self._next = now + INTERVAL
        percent = 100 * done // size
        line = self._context.text(what, percent=percent, done=done // _MEGABYTE, size=size // _MEGABYTE)
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
        self._write(line[: columns - 1])

    def close(self) -> None:
        if self._columns:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()
            self._columns = 0

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._columns))
        sys.stderr.flush()
        self._columns = len(line)
