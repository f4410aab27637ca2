"""Batches under way: each belongs to one page or command on one connection, and ends with it.

Results wait here until they are fetched. One that was handed out is kept until the next call says that it came, so that
nothing is lost with a call that was withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from agent.api import wire
from agent.api.caller import Caller
from agent.api.messages import error_object
from agent.errors import BadParameters, Busy, Cancelled, Internal, PeroError
from agent.signing.batch_request import Deliver
from agent.signing.request import SignResult

MAX_OF_CALLER = 2  # batches at a time, those that nobody fetched to the end too
MAX_OF_ORIGIN = 4  # of all pages of one site: each holds its documents
MAX_RESULTS = 100  # in one answer
MAX_OCTETS = 16 << 20  # of signatures in one answer, but for one that is larger by itself

_log = logging.getLogger("pero.api")


class Batch:
    """What became of its documents so far. `settled` is told of each, whoever fetches it."""

    def __init__(self, owner: Caller, count: int, language: str) -> None:
        self.identifier = secrets.token_hex(16)
        self.owner = owner
        self._language = language
        self._count = count
        self._left = set(range(count))
        self._signed = 0
        self._first = 0  # number of the oldest result that is kept
        self._given = 0  # how many were handed out, in all
        self._results: list[tuple[int, SignResult | PeroError]] = []
        self._changed = asyncio.Event()
        self._ended = False
        self.is_told = False  # all of it was handed out
        self._error: PeroError | None = None  # what ended it before anything was signed
        self.task: asyncio.Task[None] | None = None

    def deliver(self, index: int, outcome: SignResult | PeroError) -> None:
        self._results.append((index, outcome))
        self._left.discard(index)
        self._signed += isinstance(outcome, SignResult)
        self._changed.set()

    def end(self, error: PeroError | None = None) -> None:
        """Where something was signed the rest gets the error, so that all of them have a result."""
        if self._ended:
            return
        if error is None or self._signed:
            for index in sorted(self._left):
                self.deliver(index, error or Internal())
            error = None
        self._ended, self._error = True, error
        self._changed.set()

    def check(self, after: int) -> None:
        """Raises BadParameters where so many were never handed out, or later ones are known to have come."""
        if not self._first <= after <= self._given:
            raise BadParameters(detail=f"after {after}, expected {self._first} to {self._given}")

    async def next(self, after: int) -> dict[str, Any]:
        """The results from number `after` on (as they came); those before it are let go. Waits for one, or the end.

        Raises what ended the batch before anything was signed, once nothing is left to fetch.
        """
        del self._results[: after - self._first]
        self._first = after
        while not self._results and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        if not self._results and self._error is not None:
            raise self._error
        given: list[dict[str, Any]] = []
        octets = 0
        for index, outcome in self._results[:MAX_RESULTS]:
            octets += len(outcome.signature) if isinstance(outcome, SignResult) else 0
            if given and octets > MAX_OCTETS:
                break
            given.append(self._result(index, outcome))
        is_last = self._ended and self._error is None and len(given) == len(self._results)
        self.is_told |= is_last
        self._given = max(self._given, self._first + len(given))
        return {
            "results": given,
            "next": self._first + len(given),
            "settled": self._count - len(self._left),
            "count": self._count,
            "done": is_last,
        }

    def _result(self, index: int, outcome: SignResult | PeroError) -> dict[str, Any]:
        if isinstance(outcome, PeroError):
            return {"index": index, "error": error_object(outcome, self._language)}
        return {"index": index, "result": wire.signature(outcome)}


class Batches:
    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}

    def begin(self, owner: Caller, count: int, language: str, work: Callable[[Deliver], Awaitable[None]]) -> Batch:
        """Raises Busy."""
        for told in [batch for batch in self._batches.values() if batch.owner is owner and batch.is_told]:
            self.drop(told)
        if sum(batch.owner is owner for batch in self._batches.values()) >= MAX_OF_CALLER:
            raise Busy(limit=MAX_OF_CALLER)
        if (
            owner.origin
            and sum(batch.owner.origin == owner.origin for batch in self._batches.values()) >= MAX_OF_ORIGIN
        ):
            raise Busy(limit=MAX_OF_ORIGIN)
        batch = Batch(owner, count, language)
        batch.task = asyncio.create_task(_run(batch, work))
        batch.task.add_done_callback(lambda _: batch.end(Cancelled()))  # withdrawn before its first step
        self._batches[batch.identifier] = batch
        return batch

    def of(self, owner: Caller, identifier: str) -> Batch:
        """Raises BadParameters, for the batches of others too."""
        batch = self._batches.get(identifier)
        if batch is None or batch.owner is not owner:
            raise BadParameters(detail="no such batch")
        return batch

    def drop(self, batch: Batch) -> None:
        self._batches.pop(batch.identifier, None)

    def forget(self, owner: Caller) -> None:
        """Its connection ended."""
        for batch in [batch for batch in self._batches.values() if batch.owner is owner]:
            self.drop(batch)
            withdraw(batch)

    def stop(self) -> None:
        """The agent ends."""
        for batch in self._batches.values():
            withdraw(batch)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [batch.task for batch in self._batches.values() if batch.task is not None and not batch.task.done()]


def withdraw(batch: Batch) -> None:
    """No more is signed; what is done can be fetched."""
    if batch.task is not None:
        batch.task.cancel()


async def _run(batch: Batch, work: Callable[[Deliver], Awaitable[None]]) -> None:
    try:
        await work(batch.deliver)
    except asyncio.CancelledError:
        batch.end(Cancelled())
    except PeroError as error:
        batch.end(error)
    except Exception:  # noqa: BLE001 - as in the dispatcher: nobody else would tell
        _log.exception("internal batch")
        batch.end(Internal())
    else:
        batch.end()
