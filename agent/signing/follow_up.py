"""Prompts that outlive their request: the answer is out, and the person is still being asked something."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agent.errors import PeroError

Result = TypeVar("Result")
Give = Callable[[Result], None]

_log = logging.getLogger("pero.signing")


class FollowUps:
    """Work that may give its result before it ends. Until then it lives and dies with whoever waits for the result;
    from then on it goes on by itself, until `settled` or `close`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def first(self, work: Callable[[Give[Result]], Coroutine[Any, Any, Result]]) -> Result:
        """The result that `work` gives early by the function it is handed, else the one that it returns."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        cut: list[asyncio.CancelledError] = []
        task = asyncio.create_task(_carry(work, answer, cut))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await answer
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            for error in cut:  # which may say more
                raise error from None
            raise

    async def settled(self) -> None:
        """Wait until nothing is left to be asked."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.settled()


async def until(end: Coroutine[Any, Any, None], answer: Coroutine[Any, Any, bool]) -> bool:
    """The answer, or False where the end comes first."""
    ending, answering = asyncio.ensure_future(end), asyncio.ensure_future(answer)
    try:
        await asyncio.wait((ending, answering), return_when=asyncio.FIRST_COMPLETED)
        return answering.done() and answering.result()
    finally:
        for task in (ending, answering):
            task.cancel()
        await asyncio.wait((ending, answering))


async def _carry(
    work: Callable[[Give[Result]], Coroutine[Any, Any, Result]],
    answer: asyncio.Future[Result],
    cut: list[asyncio.CancelledError],
) -> None:
    """`cut` gets the error with which work that was cancelled ended."""

    def give(result: Result) -> None:
        if not answer.done():
            answer.set_result(result)

    try:
        give(await work(give))
    except asyncio.CancelledError as error:
        cut.append(error)
        answer.cancel()
        raise
    except BaseException as error:
        if not answer.done():
            answer.set_exception(error)
        elif isinstance(error, PeroError):
            _log.info("follow_up_ended error=%s", error.name)
        else:
            raise
