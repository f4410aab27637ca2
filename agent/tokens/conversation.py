"""The worker's side of a PIN source: a conversation with an asker, or a plain descriptor with one try.

Nothing here blocks: the worker's loop calls `receive` when the descriptor is readable.
"""

from __future__ import annotations

import contextlib
import os
import socket
from types import EllipsisType
from typing import Protocol

from agent.ipc import pin
from agent.ipc.pin import Ask, Pin, Said, SourceKind
from native_host import framing

_READ = 4096  # bytes


class Asker(Protocol):
    """Where PINs come from."""

    rounds: bool  # whether another PIN may be asked for after a wrong one
    last_try: bool  # whether what comes may be spent on the last try: those who were told of it agreed

    @property
    def ready(self) -> bool:
        """Whether `receive` has something although the descriptor may not become readable."""
        ...

    def fileno(self) -> int: ...

    def say(self, said: Said) -> None:
        """An asker that is gone is noticed by `receive`."""
        ...

    def receive(self) -> Pin | EllipsisType | None:
        """A PIN, None where none will come, ``...`` where it is not whole yet."""
        ...

    def close(self) -> None: ...


def asker(kind: SourceKind, descriptor: int) -> Asker:
    """Takes the descriptor over."""
    return Conversation(descriptor) if kind == "conversation" else Line(descriptor, kind == "daring_descriptor")


class Conversation:
    """See ``ipc.pin``."""

    rounds = True
    ready = False

    def __init__(self, descriptor: int) -> None:
        self.last_try = False
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._bytes = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def say(self, said: Said) -> None:
        if isinstance(said, Ask):
            self.last_try = said.final_try
        with contextlib.suppress(OSError):
            self._socket.send(pin.encode_said(said), socket.MSG_NOSIGNAL)

    def receive(self) -> Pin | EllipsisType | None:
        try:
            part = bytearray(self._socket.recv(_READ))
        except BlockingIOError:
            return ...
        except OSError:
            return None
        self._bytes += part
        _wipe(part)
        return self._next() if part else None

    def _next(self) -> Pin | EllipsisType | None:
        if len(self._bytes) < framing.HEADER:
            return ...
        try:
            size = framing.length(bytes(self._bytes[: framing.HEADER]), limit=_READ)
        except framing.FrameError:
            return None
        end = framing.HEADER + size
        if len(self._bytes) < end:
            return ...
        payload = self._bytes[framing.HEADER : end]
        _wipe(self._bytes)  # one answer to each question: what came unasked is not kept
        self._bytes = bytearray()
        return pin.decode_answer(payload)

    def close(self) -> None:
        _wipe(self._bytes)
        self._socket.close()


class Line:
    """The lines of a plain descriptor, one for each question. Its flags are shared with other processes, so it stays
    blocking."""

    rounds = False

    def __init__(self, descriptor: int, last_try: bool = False) -> None:
        self._descriptor = descriptor
        self.last_try = last_try
        self._bytes = bytearray()

    @property
    def ready(self) -> bool:
        return b"\n" in self._bytes

    def fileno(self) -> int:
        return self._descriptor

    def say(self, said: Said) -> None:
        pass

    def receive(self) -> Pin | EllipsisType | None:
        if not self.ready:
            try:
                part = bytearray(os.read(self._descriptor, _READ))
            except OSError:
                return None
            self._bytes += part
            _wipe(part)
            if part and not self.ready and len(self._bytes) <= pin.MAX_PIN + 2:
                return ...
        end = self._bytes.find(b"\n") + 1 or len(self._bytes)
        line, rest = self._bytes[:end], self._bytes[end:]
        _wipe(self._bytes)
        self._bytes = rest
        return pin.take_line(line)

    def close(self) -> None:
        _wipe(self._bytes)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _wipe(buffer: bytearray) -> None:
    for index in range(len(buffer)):
        buffer[index] = 0
