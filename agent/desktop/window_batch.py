"""A `BatchDialogue` in a window."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from agent.consent.prompter import BatchAnswer, Progress, ShowDocument
from agent.desktop import messages
from agent.desktop.window_process import WindowProcess
from agent.errors import PeroError, Refused, WindowClosed
from agent.ipc.pin import PinSource

_Said = messages.ConfirmedBatch | messages.Stop


class WindowBatch:
    """Documents that the person looks at are shown all the while, whatever else is waited for."""

    def __init__(self, window: WindowProcess, show: ShowDocument) -> None:
        self._window = window
        self._show = show
        self._answers: asyncio.Queue[_Said | PeroError] = asyncio.Queue()
        self._end: PeroError | None = None
        self._listening: asyncio.Task[None] | None = None
        self._showing: asyncio.Task[None] | None = None  # the document that the person looks at

    async def __aenter__(self) -> WindowBatch:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._listening, self._showing) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def confirmed(self) -> BatchAnswer:
        while True:
            said = await self._next()
            if isinstance(said, messages.ConfirmedBatch):
                return BatchAnswer(said.thumbprint, said.struck)

    def pin_source(self) -> PinSource:
        return self._window.pin_source()

    async def failed(self, error: PeroError) -> None:
        await self._window.tell(messages.Failed(error.name, error.facts))

    async def progress(self, progress: Progress) -> None:
        await self._window.tell(messages.Progressed(*progress))

    async def stopped(self) -> None:
        try:
            while not isinstance(await self._next(), messages.Stop):
                pass
        except (Refused, WindowClosed):
            return

    async def done(self) -> None:
        await self._window.tell(messages.Done())

    async def _next(self) -> _Said:
        """The person's next answer; nothing is lost when this is cancelled. Raises Refused, WindowClosed."""
        if self._end is not None and self._answers.empty():
            raise self._end
        said = await self._answers.get()
        if isinstance(said, PeroError):
            self._end = said
            raise said
        return said

    def _look_at(self, index: int) -> None:
        """What was looked at before is of no more interest."""
        if self._showing is not None:
            self._showing.cancel()
        self._showing = asyncio.create_task(self._tell_of(index))

    async def _tell_of(self, index: int) -> None:
        async with contextlib.aclosing(self._show(index)) as documents:
            async for document in documents:
                await self._window.tell(messages.ShowDocument(index, document))

    async def _listen(self) -> None:
        try:
            while True:
                said = await self._window.said()
                if isinstance(said, messages.LookAt):
                    self._look_at(said.index)
                elif isinstance(said, messages.ConfirmedBatch | messages.Stop):
                    self._answers.put_nowait(said)
        except PeroError as error:
            self._answers.put_nowait(error)
