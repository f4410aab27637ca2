"""Many signatures in one login, as the pool sees them: digests go to the worker in blocks, signatures come in order.

While the worker signs one block the next is made ready and waits at it, so that neither waits for the other. A block is
as large as what a token signs in a short while, so that it can be stopped soon.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import NamedTuple

from agent.ipc.pin import PinSource
from agent.tokens import messages
from agent.tokens.process import Asked, WorkerProcess

BLOCK_SECONDS = 0.05  # of signing, that one block is meant to take
MAX_BLOCK = 64  # digests
_AHEAD = 2  # blocks at the worker: one that is signed, one that waits


class ToSign(NamedTuple):
    digest: bytes
    octets: bytes = b""  # what it is of, for tokens that make it themselves


class ManySignatures:
    """One login at one worker. `heard`: what the worker found out about the order of digests."""

    def __init__(self, worker: WorkerProcess, heard: Callable[[str], None]) -> None:
        self._worker = worker
        self._heard = heard
        self._come: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: look at `answer`
        self._block = 1
        self._sent = 0
        self._got = 0
        self._since = 0.0  # of the loop's clock

    async def run(
        self, request: Callable[[int], messages.Request], jobs: AsyncIterator[ToSign], pin: PinSource
    ) -> AsyncGenerator[bytes, None]:
        """The signatures of `jobs`, which is asked for more only as they are needed. Raises the errors of signing;
        those that came before are good. The source is closed here always."""
        asked = await self._worker.begin(request, pin, self._event)
        asked.answer.add_done_callback(lambda _: self._come.put_nowait(None))
        try:
            await self._next(asked)  # the login stands
            self._since = time.monotonic()
            open_ended = await self._feed(asked, jobs)
            while self._got < self._sent:
                signature = await self._next(asked)
                self._got += 1
                yield signature
                if open_ended and self._sent - self._got <= self._block * (_AHEAD - 1):
                    open_ended = await self._feed(asked, jobs)
            await self._worker.more(asked, messages.More(asked.number, ()))
            await asked.answer
        finally:
            self._worker.withdraw(asked)

    async def _feed(self, asked: Asked, jobs: AsyncIterator[ToSign]) -> bool:
        """Send what there is room for; whether there may be more."""
        self._grow()
        while self._sent - self._got < self._block * _AHEAD:
            block = [job async for job in _first(jobs, self._block)]
            if block:
                octets = tuple(job.octets for job in block) if block[0].octets else ()
                digests = tuple(job.digest for job in block)
                await self._worker.more(asked, messages.More(asked.number, digests, octets))
                self._sent += len(block)
            if len(block) < self._block:
                return False
        return True

    def _grow(self) -> None:
        if self._got:
            each = (time.monotonic() - self._since) / self._got
            self._block = max(1, min(MAX_BLOCK, self._block * 2, int(BLOCK_SECONDS / max(each, 1e-6))))

    async def _next(self, asked: Asked) -> bytes:
        come = await self._come.get()
        if come is None:
            await asked.answer  # raises
            raise AssertionError("a worker that said it was done too early")
        return come

    def _event(self, event: messages.Ready | messages.Signed) -> None:
        if isinstance(event, messages.Ready):
            self._come.put_nowait(b"")
            return
        if event.digest_order:
            self._heard(event.digest_order)
        for signature in event.signatures:
            self._come.put_nowait(signature)


async def _first(jobs: AsyncIterator[ToSign], count: int) -> AsyncIterator[ToSign]:
    for _ in range(count):
        try:
            yield await anext(jobs)
        except StopAsyncIteration:
            return
