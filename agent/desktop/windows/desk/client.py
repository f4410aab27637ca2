"""The window's end of the agent's API: calls from Qt, answers as callbacks in Qt's thread.

    client.call("certificates", {}, self.show_them, self.say_error)

The socket is served by a thread with an event loop of its own. A callback of a widget that is gone is not called: give
`owner`, and what it asked for is withdrawn with it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from agent.api.protocol import PROTOCOL
from agent.errors import ConnectionLost, PeroError, from_name
from agent.transport.channel import FrameChannel
from agent.transport.client import encode_request
from agent.transport.envelopes import Unwrapper
from native_host.framing import FrameError

Answered = Callable[[dict[str, Any]], None]
Failed = Callable[[PeroError], None]


class _Call:
    def __init__(self, owner: QObject, answered: Answered, failed: Failed) -> None:
        self.answered = answered
        self.failed = failed
        self.wanted = True
        owner.destroyed.connect(self.forget)

    def forget(self) -> None:
        self.wanted = False


class AgentClient(QObject):
    """`notified` (method, parameters): what the agent says by itself. `gone`: it ended; `welcomed`: it or the next one
    serves this window; `refused`: the next one does not, it has a window."""

    notified = Signal(str, dict)
    gone = Signal()
    welcomed = Signal()
    refused = Signal()
    _arrived = Signal(dict)

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._calls: dict[int, _Call] = {}
        self._ids = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._channel: FrameChannel | None = None
        self._arrived.connect(self._take)
        self._thread = threading.Thread(target=self._serve, name="agent", daemon=True)
        self._lost = False

    def start(self) -> None:
        """Say hello: from here on the agent knows that the window stands."""
        self._greet({})

    def return_to(self, connection: socket.socket) -> None:
        """After `gone`: go on with another agent, over its local socket."""
        self._thread.join()
        if self._channel is not None:
            self._channel.close()
        self._connection, self._lost = connection, False
        self._thread = threading.Thread(target=self._serve, name="agent", daemon=True)
        self._greet({"desk": True})

    def _greet(self, more: dict[str, bool]) -> None:
        self._channel = FrameChannel(self._connection)
        hello = {"role": "command", "protocol": PROTOCOL, "pin": "window", **more}
        self._write(json.dumps({"hello": hello}).encode())
        self._thread.start()

    def call(
        self,
        method: str,
        parameters: dict[str, Any],
        answered: Answered,
        failed: Failed,
        owner: QObject | None = None,
    ) -> int:
        """The number of the call, for `cancel`."""
        number = next(self._ids)
        if self._lost:
            failed(ConnectionLost())
            return number
        call = self._calls[number] = _Call(owner or self, answered, failed)
        try:
            self._write(encode_request(number, method, parameters))
        except PeroError as error:
            del self._calls[number]
            call.failed(error)
        return number

    def cancel(self, number: int) -> None:
        """Take a call back: it fails with Cancelled, where it has not been answered."""
        if number in self._calls:
            self._write(encode_request(next(self._ids), "cancel", {"id": number}))

    def _write(self, payload: bytes) -> None:
        asyncio.run_coroutine_threadsafe(self._send(payload), self._loop)

    async def _send(self, payload: bytes) -> None:
        assert self._channel is not None  # noqa: S101 - made by start
        try:
            await self._channel.write(payload)
        except (ConnectionError, FrameError):
            self._arrived.emit({})

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._arrived.emit({})

    async def _listen(self) -> None:
        assert self._channel is not None  # noqa: S101 - made by start
        unwrapper = Unwrapper()
        try:
            while (frame := await self._channel.read()) is not None:
                value = msgspec.json.decode(frame, type=dict[str, Any])
                if "hello" in value:
                    self._arrived.emit(value)
                    continue
                if "error" in value and "id" not in value and "message" not in value:
                    self._arrived.emit({"refused": True})
                    return
                envelope = unwrapper.envelope(frame)
                if envelope is not None:
                    self._arrived.emit(msgspec.json.decode(envelope.message, type=dict[str, Any]))
        except (FrameError, ConnectionError, msgspec.MsgspecError, PeroError):
            return

    def _take(self, message: dict[str, Any]) -> None:
        """In Qt's thread. An empty message is the end."""
        if "hello" in message:
            self.welcomed.emit()
            return
        if "refused" in message:
            self.refused.emit()
            return
        if not message:
            if self._lost:
                return
            self._lost = True
            calls, self._calls = self._calls, {}
            for call in calls.values():
                if call.wanted:
                    call.failed(ConnectionLost())
            self.gone.emit()
            return
        if "method" in message:
            self.notified.emit(message["method"], message.get("params", {}))
            return
        waiting = self._calls.pop(message.get("id", 0), None)
        if waiting is None or not waiting.wanted:
            return
        if "error" in message:
            data = message["error"].get("data", {})
            waiting.failed(from_name(str(data.get("name", "internal")), dict(data.get("facts", {}))))
        else:
            waiting.answered(message["result"])
