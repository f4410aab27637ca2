"""Work in threads where it takes long, since others wait meanwhile: few places, and no site takes all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from agent.ipc.stopping import Stop

PLACES = 4  # threads; the loop has five or more, and others need them too
SHARE = 2  # places that one site (or all commands together) may hold at a time
Result = TypeVar("Result")


class _Places:
    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    async def take(self, origin: str) -> None:
        """Wait for a place. Nothing is held where this is cancelled."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((origin, place))
        self._give()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give_back(origin)
            else:
                self._waiting.remove((origin, place))
            raise

    def give_back(self, origin: str) -> None:
        self._held[origin] -= 1
        self._held += Counter()  # forgets those who hold none
        self._give()

    def _give(self) -> None:
        """To whoever holds the fewest, and among these to whoever waits the longest."""
        while self._held.total() < PLACES:
            able = [one for one in self._waiting if self._held[one[0]] < SHARE and not one[1].done()]
            if not able:
                return
            chosen = min(able, key=lambda one: self._held[one[0]])
            self._waiting.remove(chosen)
            self._held[chosen[0]] += 1
            chosen[1].set_result(None)


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Places] = WeakKeyDictionary()


async def aside(slow: bool, work: Callable[[], Result], origin: str = "") -> Result:
    """The work of a site, in a thread where it is `slow`.

    A thread cannot be cancelled: its place is taken until it ends, and whoever takes back what waits for a place leaves
    nothing behind. So no page holds more documents and threads than its share, however often it asks. The work is told
    to stop (`ipc.stopping`): a process that reads a document for it is ended, and the thread with it.
    """
    if not slow:
        return work()
    loop = asyncio.get_running_loop()
    places = _places.setdefault(loop, _Places())
    await places.take(origin)
    stop = Stop()
    working = loop.run_in_executor(None, stop.run, work)
    working.add_done_callback(lambda _: places.give_back(origin))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.tell()
        raise
