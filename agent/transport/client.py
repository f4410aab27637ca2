"""A command's end of the local socket: hello, then calls one after the other."""

from __future__ import annotations

import array
import itertools
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from agent.api.files import is_unicode, unnameable
from agent.api.protocol import PROTOCOL, Lent
from agent.errors import BadParameters, ConnectionLost, NotRunning, PeroError, StateUnsafe, from_name
from agent.transport.channel import FrameChannel
from agent.transport.envelopes import Unwrapper
from agent.transport.peers import is_same_user, local_socket_user
from native_host.framing import FrameError, pack


class PinChoice(NamedTuple):
    """Who gives a command the PIN: the window, or a descriptor of the command that goes to the worker.

    `terminal`: one end of a PIN conversation (ipc.pin); `descriptor`: a plain file, its first line is the PIN, which is
    spent on the last try only where `last_try` says so.
    """

    kind: Literal["window", "terminal", "descriptor"]
    descriptor: int = -1
    last_try: bool = False


Notified = Callable[[str, dict[str, Any]], None]  # method and parameters of a notification


def unheard(_method: str, _parameters: dict[str, Any]) -> None:
    """Nobody listens to notifications."""


class LocalClient:
    """A connection to the running agent."""

    def __init__(self, connection: socket.socket, notified: Notified = unheard) -> None:
        self._channel = FrameChannel(connection)
        self._unwrapper = Unwrapper()
        self._ids = itertools.count(1)
        self._notified = notified

    @classmethod
    async def connect(
        cls, path: Path, pin: PinChoice, notified: Notified = unheard, lent: Lent | None = None
    ) -> LocalClient:
        """`lent`: a document, and where the agent may write it, for large content that is attached.

        Raises NotRunning where nobody listens, StateUnsafe where somebody else does, and what the agent refuses.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            if not is_same_user(local_socket_user(connection)):
                raise StateUnsafe(path=str(path), reason="another user listens")
            last_try = {"last_try": True} if pin.last_try else {}
            roomy = {} if lent is None else {"room": True}
            hello = {"hello": {"role": "command", "protocol": PROTOCOL, "pin": pin.kind, **last_try, **roomy}}
            descriptors = [] if pin.kind == "window" else [pin.descriptor]
            descriptors += [] if lent is None else [*lent]
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            connection.sendmsg([pack(json.dumps(hello).encode())], ancillary)
        except OSError as error:  # nothing there, nobody listening, or a path that no socket can have
            connection.close()
            raise NotRunning() from error
        except BaseException:
            connection.close()
            raise
        client = cls(connection, notified)
        answer = await client._read()
        if "error" in answer:
            client.close()
            raise _error(answer["error"])
        return client

    async def call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The result of a method. Raises the agent's error, ConnectionLost, and what `encode_request` does."""
        identifier = next(self._ids)
        request = encode_request(identifier, method, parameters)
        try:
            await self._channel.write(request)
        except ConnectionError as error:
            raise ConnectionLost() from error
        while True:
            answer = await self._read()
            if "method" in answer:
                self._notified(answer["method"], answer.get("params", {}))
                continue
            if answer.get("id") not in (identifier, None):
                continue
            if "error" in answer:
                raise _error(answer["error"])
            result = answer["result"]
            assert isinstance(result, dict)  # noqa: S101 - every method of ours returns an object
            return result

    async def _read(self) -> dict[str, Any]:
        try:
            while (frame := await self._channel.read()) is not None:
                value = msgspec.json.decode(frame, type=dict[str, Any])
                if "hello" in value or "error" in value:
                    return value
                envelope = self._unwrapper.envelope(frame)
                if envelope is not None:
                    return msgspec.json.decode(envelope.message, type=dict[str, Any])
        except (FrameError, ConnectionError, msgspec.MsgspecError) as error:
            raise ConnectionLost() from error
        raise ConnectionLost()

    def close(self) -> None:
        self._channel.close()


def encode_request(identifier: int, method: str, parameters: dict[str, Any]) -> bytes:
    """A command's request. Raises FileUnreadable, BadParameters where a path or a value is not UTF-8."""
    try:
        return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "method": method, "params": parameters})
    except UnicodeEncodeError as error:
        path = parameters.get("path")
        if isinstance(path, str) and not is_unicode(path):
            raise unnameable(path) from error
        raise BadParameters(detail="not UTF-8") from error


def _error(value: dict[str, Any]) -> PeroError:
    data = value.get("data", {})
    return from_name(str(data.get("name", "internal")), dict(data.get("facts", {})))
