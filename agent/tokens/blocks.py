"""Signatures on their way from a worker to the pool."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.tokens import messages

_BLOCK_SECONDS = 0.005  # a frame for each signature would take longer than making some of them


class Block:
    """Signatures that leave together, every few milliseconds."""

    def __init__(self, number: int, send: Callable[[messages.Event], None]) -> None:
        self._number = number
        self._send_event = send
        self._signatures: list[bytes] = []
        self._order = ""
        self._since = time.monotonic()

    def add(self, signature: bytes, order: str) -> None:
        self._signatures.append(signature)
        self._order = order or self._order
        if time.monotonic() - self._since > _BLOCK_SECONDS:
            self.send()

    def send(self) -> None:
        if self._signatures:
            self._send_event(messages.Signed(self._number, tuple(self._signatures), self._order))
        self._signatures, self._since = [], time.monotonic()
