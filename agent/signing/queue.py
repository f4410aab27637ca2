"""The person can answer one window at a time: prompts of all pages and browsers stand in one queue.

The token is chosen in the window, so a queue for each token cannot be formed before it; work within a token is put in
order by its worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.errors import Expired

WINDOW_SECONDS = 300.0  # a window left alone goes away after this


class PersonQueue:
    """First come, first shown. A request that is cancelled while it waits leaves the queue."""

    def __init__(self, seconds: float = WINDOW_SECONDS) -> None:
        self._turn = asyncio.Lock()
        self._seconds = seconds
        self._waiting = 0
        self._wanted = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Patience]:
        """Wait for the person's attention, then hold it. Raises Expired when the window is left alone."""
        async with self._in_turn():
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    yield Patience(limit, self._seconds)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise Expired(seconds=int(self._seconds)) from error

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

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds

    def renew(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)
