"""Signatures of a batch on their way from the token to the results: built, stamped, checked.

Time-stamps are waited for side by side, a few at a time, so that a slow authority costs its delay once for each few.
Where an authority is gone nothing is lost but time: those documents stay as they were, to be signed anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from agent.errors import IssuerUnavailable, JournalUnwritable, PeroError, RevocationUnavailable, TimestampUnavailable
from agent.signing.batch_results import BatchResults
from agent.signing.request import SignResult

SIDE_BY_SIDE = 8
GIVE_UP = 3  # that got nothing from an authority, with none between them that did: the others would wait in vain

_LATER = (TimestampUnavailable, RevocationUnavailable, IssuerUnavailable)  # the same may succeed after a while

Finish = Callable[[], Awaitable[SignResult]]


class Finishing:
    """A context: it ends when all that was begun is settled. Cancelled, it lets go of what is not.

    Raises JournalUnwritable, and where an authority was gone that error, once all others are settled.
    """

    def __init__(self, results: BatchResults, *, wait: bool) -> None:
        """`wait`: somebody else is asked for each, so that it takes long and no work."""
        self._results = results
        self._places = asyncio.Semaphore(SIDE_BY_SIDE) if wait else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_vain = 0
        self._lowered = 0  # one after another got no time-stamp, and their request takes that
        self._later: PeroError | None = None
        self._fault: BaseException | None = None

    async def __aenter__(self) -> Finishing:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            while self._tasks and not isinstance(error, asyncio.CancelledError):
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        if error is None:
            self._check(0)

    @property
    def is_lowered(self) -> bool:
        """Whether so many got no time-stamp that the others of a request that takes that would wait in vain."""
        return self._places is not None and self._lowered >= GIVE_UP

    async def begin(self, index: int, finish: Finish) -> None:
        """Where it takes no waiting it is done at once; else it is begun once there is a place."""
        if self._places is None:
            await self._settle(index, finish)
        else:
            await self._places.acquire()
            task = asyncio.create_task(self._settle(index, finish))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        self._check(GIVE_UP)

    def _check(self, enough: int) -> None:
        """Raises what makes it useless to go on: so many in vain, one after another, or the journal's fault."""
        if self._fault is not None:
            raise self._fault
        if self._later is not None and self._in_vain >= enough:
            raise self._later

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = error
        if self._places is not None:
            self._places.release()

    async def _settle(self, index: int, finish: Finish) -> None:
        try:
            try:
                made = await finish()
                self._in_vain = 0
                self._lowered = self._lowered + 1 if made.options.level == "b" else 0
                outcome: SignResult | PeroError = made
            except _LATER as error:
                self._in_vain += 1
                self._later = error
                return
            except PeroError as error:
                outcome = error
            self._results.add(index, outcome)
        except JournalUnwritable as error:
            self._fault = error
