"""Work in a thread that can be told to stop: whoever waits there for another process says how that is ended.

A thread cannot be cancelled, but it returns as soon as what it waits for is gone.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from agent.errors import Cancelled

Result = TypeVar("Result")


class Stop:
    """Told once, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told = False
        self._ends: list[Callable[[], object]] = []

    def tell(self) -> None:
        with self._lock:
            self._told = True
            for end in self._ends:
                end()

    def run(self, work: Callable[[], Result]) -> Result:
        """The work, which finds this stop by `ended_by`. Raises what it raises."""
        context = contextvars.copy_context()
        context.run(_current.set, self)
        return context.run(work)

    @contextlib.contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        with self._lock:
            if self._told:
                raise Cancelled()
            self._ends.append(end)
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)


_current: contextvars.ContextVar[Stop | None] = contextvars.ContextVar("stop", default=None)


def ended_by(end: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
    """While the block lasts, `end` is called when the work is told to stop. `end` must be quick and raise nothing.

    Raises Cancelled where the work was told already.
    """
    stop = _current.get()
    return contextlib.nullcontext() if stop is None else stop.ending(end)
