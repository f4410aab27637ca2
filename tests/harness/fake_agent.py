"""An agent that answers with what it was told to: for tests of everything that stands before the real one.

    with FakeAgent(locations) as agent:
        agent.answers["sign"] = lambda envelope: {"signature": ...}      # the result; or raise a PeroError
        agent.hold("sign")                                               # ... answered only after release("sign")
        envelope = agent.wait_for("sign")                                # the next one that came, removed from the list
        agent.stop(); agent.start()                                      # killed, and started again

It serves the local socket in a thread of its own with the contract of the native host role, chunks included.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from agent.config import Locations, secure_folder
from agent.errors import Fact, NotAllowed, PeroError
from native_host import framing
from native_host.manifests import extension_of

Envelope = dict[str, Any]
Answer = Callable[[Envelope], Any]

DEADLINE = 30.0  # seconds; only waited for where something is broken
CHUNK = 512 * 1024  # bytes of an envelope's JSON in one chunk
VERSION = "0.0.1"  # of this agent, not of Pero

CERTIFICATE = {
    "thumbprint": "ab" * 32,
    "certificate": base64.b64encode(b"not a certificate").decode(),
    "subject": "CN=DEMO Signer",
    "issuer": "CN=DEMO Authority",
    "serial": "01",
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2027-01-01T00:00:00Z",
    "key": "P-256",
    "chain": [],
}


def digest_as_signature(envelope: Envelope) -> dict[str, Any]:
    """In the place of a signature the SHA-256 of the content that arrived; a digest comes back as it is."""
    parameters = envelope["message"]["params"]
    if "digest" in parameters:
        signature = base64.b64decode(parameters["digest"]["value"], validate=True)
    else:
        signature = hashlib.sha256(base64.b64decode(parameters["document"]["content"], validate=True)).digest()
    detached = not parameters.get("attached", False)
    return {"signature": base64.b64encode(signature).decode(), "detached": detached, "certificate": CERTIFICATE}


CANNED: dict[str, Answer] = {
    "status": lambda _: {"version": VERSION, "protocol": 1},
    "connect": lambda _: {"allowed": True, "remembered": True},
    "select_certificate": lambda _: {"certificate": CERTIFICATE},
    "sign": digest_as_signature,
    "cancel": lambda _: {"cancelled": True},
}


class FakeAgent:
    """See the module's docstring. `envelopes` holds what came and was not waited for, in order."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations
        self.answers = dict(CANNED)
        self.envelopes: list[Envelope] = []
        self.arguments: list[list[str]] = []  # of each native host that came, as its browser gave them
        self._held: dict[str, asyncio.Event] = {}
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> FakeAgent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(DEADLINE), "the fake agent did not start"

    def stop(self) -> None:
        """End like a killed agent: every connection breaks, nothing is answered."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(DEADLINE)
            self._loop = self._thread = None
            self._held.clear()
            self.locations.socket.unlink(missing_ok=True)

    def hold(self, method: str) -> None:
        self._held[method] = asyncio.Event()

    def release(self, method: str) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._held.pop(method).set)

    def heard(self) -> list[Envelope]:
        """What came from pages and was not waited for, without the news that a page went away."""
        return [envelope for envelope in self.envelopes if "message" in envelope]

    def wait_for(self, method: str) -> Envelope:
        """The next envelope with this method; it is taken out of `envelopes`."""

        def fits(envelope: Envelope) -> bool:
            message = envelope.get("message")
            return isinstance(message, dict) and message.get("method") == method

        return self._wait(fits, method)

    def wait_until_closed(self, page: str) -> None:
        """Wait for the news that this page went away."""
        self._wait(lambda envelope: envelope == {"page": page, "closed": True}, f"the end of {page}")

    def _wait(self, fits: Callable[[Envelope], bool], what: str) -> Envelope:
        deadline = time.monotonic() + DEADLINE
        with self._arrived:
            while True:
                for envelope in self.envelopes:
                    if fits(envelope):
                        self.envelopes.remove(envelope)
                        return envelope
                left = deadline - time.monotonic()
                assert left > 0, f"{what} did not come; there is {self.envelopes}"
                self._arrived.wait(left)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        secure_folder(self.locations.runtime)
        self.locations.socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._connected, self.locations.socket)
        ready.set()
        await self._end.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        conversation = _Conversation(self, writer)
        try:
            await conversation.run(reader)
        finally:
            self._connections.discard(task)
            conversation.cancel()
            writer.transport.abort()

    def _came(self, envelope: Envelope) -> None:
        with self._arrived:
            self.envelopes.append(envelope)
            self._arrived.notify_all()

    async def _answer(self, envelope: Envelope) -> dict[str, Any]:
        message = envelope["message"]
        identifier = message.get("id") if isinstance(message, dict) else None
        method = message.get("method") if isinstance(message, dict) else None
        if method in self._held:
            await self._held[method].wait()
        try:
            result = self.answers[method](envelope) if method in self.answers else _unknown(method)
            if asyncio.iscoroutine(result):
                result = await result
        except PeroError as error:
            return {"jsonrpc": "2.0", "id": identifier, "error": error_value(error)}
        return {"jsonrpc": "2.0", "id": identifier, "result": result}


class _Conversation:
    """One native host."""

    def __init__(self, agent: FakeAgent, writer: asyncio.StreamWriter) -> None:
        self.agent = agent
        self.writer = writer
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        frames = _frames(reader)
        hello = (await anext(frames))["hello"]
        assert hello["role"] == "native_host"
        assert hello["protocol"] == 1
        self.agent.arguments.append(hello["arguments"])
        if extension_of(hello["arguments"]) is None:
            self._send({"error": error_value(NotAllowed())})
            return
        self._send({"hello": {"protocol": 1, "version": VERSION}})
        async for envelope in _envelopes(frames):
            self.agent._came(envelope)
            if "message" in envelope:
                task = asyncio.create_task(self._reply(envelope))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def _reply(self, envelope: Envelope) -> None:
        page = {"page": envelope["page"]} if "page" in envelope else {}
        self._send(page | {"message": await self.agent._answer(envelope)})
        await self.writer.drain()

    def _send(self, envelope: Envelope) -> None:
        text = json.dumps(envelope).encode()
        if len(text) <= CHUNK:
            self.writer.write(framing.pack(text))
            return
        for index, start in enumerate(range(0, len(text), CHUNK)):
            data = base64.b64encode(text[start : start + CHUNK]).decode()
            chunk = {"id": "c1", "index": index, "last": start + CHUNK >= len(text), "data": data}
            self.writer.write(framing.pack(json.dumps({"chunk": chunk}).encode()))


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[Envelope]:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            size = framing.length(await reader.readexactly(framing.HEADER))
            yield json.loads(await reader.readexactly(size))


async def _envelopes(frames: AsyncIterator[Envelope]) -> AsyncIterator[Envelope]:
    parts: list[bytes] = []
    async for frame in frames:
        chunk = frame.get("chunk")
        if chunk is None:
            assert not parts, "an envelope between the chunks of another"
            yield frame
            continue
        assert chunk["index"] == len(parts)
        parts.append(base64.b64decode(chunk["data"], validate=True))
        assert len(parts[-1]) <= CHUNK
        if chunk["last"]:
            yield json.loads(b"".join(parts))
            parts.clear()


def _unknown(method: object) -> Any:
    from agent.errors import BadRequest, UnknownMethod

    raise UnknownMethod(method=method) if isinstance(method, str) else BadRequest(detail="no method")


def error_value(error: PeroError, **more: Fact) -> dict[str, Any]:
    """A JSON-RPC error object, without text and advice."""
    data = {"name": error.name, "actor": error.actor, "retriable": error.retriable, "facts": error.facts | more}
    return {"code": error.code, "message": error.name, "data": data}
