"""A person at the other end of a PIN conversation, with answers prepared."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from agent.ipc import pin
from agent.ipc.pin import Accepted, Ask, Failed, PinSource, Said
from native_host import framing


class Asker:
    """Answers each question with the next of `answers`: a PIN, or None to cancel. Without any left it stays silent."""

    def __init__(self, answers: Sequence[str | None] = ()) -> None:
        self._channel, worker_end = pin.conversation()
        self.source = PinSource("conversation", worker_end.detach())
        self.said: list[Said] = []
        self.asked = asyncio.Event()  # set at each question
        self.ended = asyncio.Event()  # the worker's end is closed
        self._answers = list(answers)
        self._writer: asyncio.StreamWriter | None = None

    @property
    def questions(self) -> list[Ask]:
        return [said for said in self.said if isinstance(said, Ask)]

    @property
    def accepted(self) -> bool:
        return any(isinstance(said, Accepted) for said in self.said)

    @property
    def failure(self) -> Failed | None:
        return next((said for said in self.said if isinstance(said, Failed)), None)

    async def converse(self) -> None:
        self._channel.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=self._channel)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = framing.length(await reader.readexactly(framing.HEADER))
                said = pin.decode_said(await reader.readexactly(size))
                self.said.append(said)
                if isinstance(said, Ask):
                    self.asked.set()
                    if self._answers:
                        self.answer(self._answers.pop(0))
        self.ended.set()

    def answer(self, typed: str | None) -> None:
        assert self._writer is not None
        if typed is None:
            self._writer.write(pin.encode_cancel())
        else:
            self._writer.write(bytes(pin.encode_pin(bytearray(typed.encode()))))

    def leave(self) -> None:
        """Close the asker's end without a word."""
        if self._writer:
            self._writer.close()


@contextlib.asynccontextmanager
async def asking(*answers: str | None) -> AsyncIterator[Asker]:
    """A person who answers in the background until the block ends."""
    asker = Asker(answers)
    task = asyncio.create_task(asker.converse())
    try:
        yield asker
    finally:
        asker.leave()
        if not asker.ended.is_set():
            await asyncio.sleep(0)
            asker.leave()
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        asker.leave()
