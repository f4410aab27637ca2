"""The person can answer one window at a time: prompts of all pages and browsers stand in one queue.

The token is chosen in the window, so a queue for each token cannot be formed before it; work within a token is put in
order by its worker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.consent.pause import Pause
from agent.errors import Expired, SigningPaused

WINDOW_SECONDS = 300.0  # a window left alone goes away after this


class PersonQueue:
    """First come, first shown. A request that is cancelled while it waits leaves the queue."""

    def __init__(self, seconds: float = WINDOW_SECONDS, pause: Pause | None = None) -> None:
        self._pause = pause
        self._limit: asyncio.Timeout | None = None  # of the turn that a pause ends
        if pause is not None:
            pause.listen(self._paused)
        self._turn = asyncio.Lock()
        self._seconds = seconds
        self._waiting = 0
        self._wanted = asyncio.Event()

    @asynccontextmanager
    async def turn(self, *, while_paused: bool = False) -> AsyncIterator[Patience]:
        """Wait for the person's attention, then hold it. Raises Expired when the window is left alone, SigningPaused
        where signing is paused or comes to be so. `while_paused`: for what is no signature, such as a new PIN."""
        pausing = None if while_paused else self._pause
        if pausing is not None:
            pausing.check()
        async with self._in_turn():
            if pausing is not None:
                pausing.check()
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    self._limit = limit if pausing is not None else None
                    yield Patience(limit, self._seconds, pausing)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                if pausing is not None and pausing.active:
                    raise SigningPaused() from error
                raise Expired(seconds=int(self._seconds)) from error
            finally:
                self._limit = None

    def _paused(self) -> None:
        """Take away what stands before the person."""
        if self._pause is not None and self._pause.active and self._limit is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                self._limit.reschedule(asyncio.get_running_loop().time())

    async def wanted(self) -> None:
        """Wait until somebody waits for a turn: whoever has it for something that can be left should leave it."""
        await self._wanted.wait()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        self._waiting += 1
        self._wanted.set()
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()
        try:
            yield
        finally:
            self._turn.release()


class Patience:
    """How long the window may still stay; each answer of the person begins the time anew."""

    def __init__(self, limit: asyncio.Timeout, seconds: float, pausing: Pause | None = None) -> None:
        self._limit = limit
        self._seconds = seconds
        self._pausing = pausing

    def renew(self) -> None:
        if self._pausing is None or not self._pausing.active:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
