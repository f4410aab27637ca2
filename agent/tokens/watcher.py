"""Events of readers and tokens, while somebody listens: from PC/SC where there is a service, and from a look at the
slot lists of modules that need no reader, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from agent.tokens import pcsc
from agent.tokens.readers import Readers, ReaderThread

LOOK = 1.0  # seconds between two looks at slot lists

Kind = Literal["reader_added", "reader_removed", "token_inserted", "token_removed", "module_answered"]
Slots = Mapping[str, frozenset[int]]  # path of a module: its slots with a token in them


class Change(NamedTuple):
    """`reader` is the name of a PC/SC reader, or empty where `module` saw the change without one. A module that has
    answered was slow: nothing need have come or gone."""

    kind: Kind
    reader: str = ""
    module: str = ""


class Watcher:
    """`look` asks modules for their slots; its argument tells whether PC/SC answers for those that drive readers.
    `went` hears that a card left its reader.

    Nothing runs while nobody listens.
    """

    def __init__(
        self,
        look: Callable[[bool], Awaitable[Slots]],
        library: Callable[[], pcsc.Library] = pcsc.Library,
        went: Callable[[], None] = lambda: None,
        *,
        interval: float = LOOK,
    ) -> None:
        self._look = look
        self._library = library
        self._went = went
        self._interval = interval
        self._listeners: set[asyncio.Queue[Change]] = set()
        self._turn = asyncio.Lock()
        self._thread: ReaderThread | None = None
        self._looking: asyncio.Task[None] | None = None
        self._seen = asyncio.Event()  # the first word of PC/SC is there
        self._readers: Readers = {}
        self._slots: dict[str, frozenset[int]] = {}

    @property
    def atrs(self) -> dict[str, bytes]:
        """The answer to reset of what is in each reader; empty while nobody listens."""
        return {name: state.atr for name, state in self._readers.items() if state.atr}

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[Change]]:
        """All changes from the moment the block begins; what is there already is none."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        async with self._turn:
            if not self._listeners:
                await self._start()
            self._listeners.add(queue)
        try:
            yield _each(queue)
        finally:
            self._listeners.discard(queue)
            async with self._turn:
                if not self._listeners:
                    await self._stop()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._seen.clear()
        try:
            thread = ReaderThread(self._library(), lambda readers: _tell(loop, self._told, readers))
        except OSError:  # no PC/SC on this system: all modules are looked at
            thread = None
        if thread:
            self._thread = thread
            thread.start()
            await self._seen.wait()
        self._slots = dict(await self._look(thread is not None))
        self._looking = asyncio.create_task(self._keep_looking(thread is not None))

    async def _stop(self) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._thread:
            await asyncio.to_thread(self._thread.stop)
        self._looking = self._thread = None
        self._readers, self._slots = {}, {}

    def _told(self, readers: Readers | None) -> None:
        """The readers of this moment; None where the service is gone, which takes all of them away."""
        before, now = self._readers, readers or {}
        self._readers = now
        if not self._seen.is_set():
            self._seen.set()
            return
        for name in before.keys() - now.keys():
            if before[name].present:
                self._publish(Change("token_removed", name))
            self._publish(Change("reader_removed", name))
        for name, state in now.items():
            if name not in before:
                self._publish(Change("reader_added", name))
            self._compare(name, before.get(name, pcsc.UNAWARE), state)

    def _compare(self, name: str, was: pcsc.State, now: pcsc.State) -> None:
        """One that was changed for another since the last word has left and come: the count of events tells."""
        same = was.present and now.present and was.events == now.events and was.atr == now.atr
        if was.present and not same:
            self._publish(Change("token_removed", name))
        if now.present and not same:
            self._publish(Change("token_inserted", name))

    async def _keep_looking(self, readers: bool) -> None:
        while True:
            await asyncio.sleep(self._interval)
            found = await self._look(readers)
            for module, slots in found.items():
                was = self._slots.get(module, slots)
                for _ in was - slots:
                    self._publish(Change("token_removed", module=module))
                for _ in slots - was:
                    self._publish(Change("token_inserted", module=module))
                self._slots[module] = slots

    def answered(self, module: str) -> None:
        """A module that was slow can be listed now."""
        self._publish(Change("module_answered", module=module))

    def _publish(self, change: Change) -> None:
        if change.kind == "token_removed" and change.reader:
            self._went()
        for queue in self._listeners:
            queue.put_nowait(change)


async def _each(queue: asyncio.Queue[Change]) -> AsyncIterator[Change]:
    while True:
        yield await queue.get()


def _tell(loop: asyncio.AbstractEventLoop, told: Callable[[Readers | None], None], readers: Readers | None) -> None:
    """From the thread to the loop, which may have been closed meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(told, readers)
