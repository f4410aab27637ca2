"""A window process that is started ahead of need: its toolkit stands by the time that something is to be shown.

Somebody who connects or uploads is likely to want a signature soon. The process waits for its first message, sleeping,
for LIFE seconds at most, so that an idle agent keeps none. One at a time; one that could not start is not tried again
for LIFE seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agent.desktop.window_process import WindowProcess, start_window
from agent.errors import WindowUnavailable

LIFE = 60.0  # seconds

Start = Callable[[Mapping[str, str], bool], Coroutine[Any, Any, WindowProcess]]


class Spare:
    """`environment` names the display; without one nothing is started."""

    def __init__(self, environment: Mapping[str, str], life: float = LIFE, start: Start = start_window) -> None:
        self._environment = environment
        self._life = life
        self._start_window = start
        self._starting: asyncio.Task[WindowProcess] | None = None
        self._end: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._rest_until = 0.0  # by the loop's clock: before that, nothing is started

    def expect(self) -> None:
        """Somebody is likely to be asked soon. Costs nothing where a process waits already."""
        loop = asyncio.get_running_loop()
        if self._closed or not _has_display(self._environment) or loop.time() < self._rest_until:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_window(self._environment, True))
        if self._end is not None:
            self._end.cancel()
        self._end = loop.call_later(self._life, self._give_up)

    async def take(self) -> WindowProcess | None:
        """The process, which is the caller's from now on; None where there is none that could show anything."""
        starting, self._starting = self._starting, None
        if self._end is not None:
            self._end.cancel()
        if starting is None:
            return None
        try:
            window = await asyncio.shield(starting)
        except WindowUnavailable:
            self._rest()
            return None
        except asyncio.CancelledError:
            self._end_soon(starting)
            raise
        if window.is_running:
            return window
        self._rest()
        await window.close()
        return None

    async def close(self) -> None:
        """End what waits; nothing is started any more."""
        self._closed = True
        self._give_up()
        if self._ending:
            await asyncio.wait(self._ending)

    def _rest(self) -> None:
        self._rest_until = asyncio.get_running_loop().time() + self._life

    def _give_up(self) -> None:
        starting, self._starting = self._starting, None
        if self._end is not None:
            self._end.cancel()
        if starting is not None:
            self._end_soon(starting)

    def _end_soon(self, starting: asyncio.Task[WindowProcess]) -> None:
        ending = asyncio.create_task(_ended(starting))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


async def _ended(starting: asyncio.Task[WindowProcess]) -> None:
    with contextlib.suppress(WindowUnavailable):
        await (await starting).close()


def _has_display(environment: Mapping[str, str]) -> bool:
    return sys.platform != "linux" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
