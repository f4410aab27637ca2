"""A worker's process of this moment, and what was asked of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from agent.errors import PeroError
from agent.ipc import processes
from agent.tokens import messages

Heard = Callable[[messages.Ready | messages.Signed], None]


class Running:
    """One process. `WorkerProcess` has one at a time, and sometimes others that are still ending."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, writer: asyncio.StreamWriter):
        self.process = process
        self.control = control
        self.writer = writer
        self.asked: dict[int, asyncio.Future[messages.Done]] = {}
        self.heard: dict[int, Heard] = {}  # who is told the parts of an answer
        self.waiting: set[int] = set()  # those of them that wait for a PIN
        self.owed: set[int] = set()  # what the process has to answer, also where nobody waits for it any more
        self.is_timed = False  # the timer is a deadline for the next word of the process
        self.acting: dict[int, bool] = {}  # those whose secret came, and which are being done; whether it may be slow
        self.loaded: asyncio.Future[messages.Loaded] = asyncio.get_running_loop().create_future()
        self.limit: float | None = None  # seconds for the call of this moment, where a person is in it
        self.hung: float | None = None  # seconds of the deadline that passed
        self.ending = False
        self.spent = False  # it ends as soon as it has answered what it was asked
        self.buried = False  # everything that was asked has been failed
        self.timer: asyncio.TimerHandle | None = None
        self.reading: asyncio.Task[None] | None = None

    def set_timer(self, seconds: float | None, action: Callable[[], None]) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, action)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def wait_for_end(self) -> int:
        """Wait for the end of the process, and end the children that it left behind; its exit status."""
        status = await self.process.wait()
        processes.end_group(self.process.pid)
        return status

    def settle(self, number: int, answer: messages.Done | PeroError) -> None:
        """Give the answer to whoever still waits for it."""
        self.owed.discard(number)
        self.waiting.discard(number)
        self.heard.pop(number, None)
        asked = self.asked.pop(number, None)
        if asked is None or asked.done():
            return
        if isinstance(answer, PeroError):
            fail(asked, answer)
        else:
            asked.set_result(answer)

    def fail_all(self, error: PeroError) -> None:
        """Nothing more comes from this process."""
        self.buried = True
        if not self.loaded.done():
            fail(self.loaded, error)
        for number in list(self.asked):
            self.settle(number, type(error)(**error.facts))


def fail(future: asyncio.Future[messages.Done] | asyncio.Future[messages.Loaded], error: PeroError) -> None:
    future.set_exception(error)
    future.exception()  # nobody may be there to fetch it
