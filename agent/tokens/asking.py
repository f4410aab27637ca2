"""Questions to modules that are given up for the moment where a module is slow, and answered when it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from agent.errors import PeroError

PATIENCE = 0.15  # seconds for a module that is loaded, or was slow before
START_PATIENCE = 3.0  # seconds for one whose worker has to start first

Answer = TypeVar("Answer")


class Asking(Generic[Answer]):
    """`ask` asks one module and never raises; `is_warm` tells whether its worker runs; `late` hears of each answer
    that came after nobody waited for it any more.

    A module that has not answered is not asked again until it has: a question that hangs is ended by its deadline. An
    error that came late is the next answer; what was found late may be out of date, and is asked for anew.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Answer]],
        is_warm: Callable[[str], bool],
        late: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ask = ask
        self._is_warm = is_warm
        self._late = late
        self._open: dict[str, asyncio.Task[Answer]] = {}  # the questions that nobody waited for to the end
        self._failed: dict[str, Answer] = {}  # late errors that nobody has seen
        self._slow: set[str] = set()  # modules whose last question took longer than was waited

    async def soon(self, paths: Sequence[str], patience: float | None = None) -> dict[str, Answer]:
        """The answers that come at once, or within `patience` seconds; of other modules there is none. Their questions
        go on."""
        failed = {path: self._failed.pop(path) for path in paths if path in self._failed}
        left = [path for path in paths if path not in failed]
        warm = {path for path in left if path in self._slow or self._is_warm(path)}
        asked = {path: self._open.get(path) or asyncio.create_task(self._one(path)) for path in left}
        try:
            if patience is not None:
                await _wait(list(asked.values()), patience)
            else:
                await _wait([asked[path] for path in warm], PATIENCE)
                await _wait([task for path, task in asked.items() if path not in warm], START_PATIENCE)
        finally:
            for path, task in asked.items():
                if not task.done() and path not in self._open:
                    self._open[path] = task
                    self._slow.add(path)
        return failed | {path: task.result() for path, task in asked.items() if task.done()}

    async def close(self) -> None:
        """After the workers were closed, which answers every question."""
        await _wait(list(self._open.values()), None)

    async def _one(self, path: str) -> Answer:
        answer = await self._ask(path)
        if self._open.pop(path, None):
            if isinstance(answer, PeroError):
                self._failed[path] = answer
            self._late(path)
        else:
            self._slow.discard(path)
        return answer


async def _wait(tasks: Sequence[asyncio.Task[Answer]], seconds: float | None) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
