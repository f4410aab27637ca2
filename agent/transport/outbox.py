"""Answers of one connection on their way out: whole, one after the other, and never more than a few waiting."""

from __future__ import annotations

import asyncio
import itertools

from agent.transport.channel import FrameChannel
from agent.transport.envelopes import wrapped

MAX_UNREAD = 64  # answers that may wait for a peer that does not read them; no more is heard of it until then


class Outbox:
    def __init__(self, channel: FrameChannel) -> None:
        self._channel = channel
        self._chunk_ids = itertools.count(1)
        self._sending = asyncio.Lock()  # chunks of one message are not mixed with another's
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()

    async def send(self, message: bytes, page: str | None) -> None:
        """Raises ConnectionError where the peer is gone."""
        self._waiting += 1
        if self._waiting >= MAX_UNREAD:
            self._room.clear()
        try:
            async with self._sending:
                for payload in wrapped(message, page, f"a{next(self._chunk_ids)}"):
                    await self._channel.write(payload)
        finally:
            self._waiting -= 1
            if self._waiting < MAX_UNREAD:
                self._room.set()

    async def room(self) -> None:
        """Wait until the peer may be listened to again. Other connections have their turn in any case: a peer that
        sends without a pause would keep the loop to itself."""
        await asyncio.sleep(0)
        await self._room.wait()
