"""Peers that leave, flood or do not listen: nobody else notices, and nothing is asked in their name (R46)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.consent.prompter import ConnectionAnswer, ConnectionPrompt
from agent.transport.client import LocalClient, PinChoice
from agent.transport.loopback import MAX_CONNECTIONS
from native_host.framing import pack
from tests.harness import foreign
from tests.harness.core import SITE
from tests.unit.test_transport import BROWSER, Running, connected, envelope, frame, hello

MANY = 20_000  # requests of a flood
HANDSHAKE = (
    "GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    await running.agent.start()
    yield running
    await running.agent.stop()


def request(method: str) -> bytes:
    return pack(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode())


async def test_a_page_that_is_closed_right_after_its_request_opens_no_window(running: Running) -> None:
    shown = asyncio.Event()

    async def ask(prompt: ConnectionPrompt) -> ConnectionAnswer:
        if prompt.origin == SITE:
            shown.set()
            await asyncio.Future()
        return ConnectionAnswer(remember=False)

    running.person.ask_connection = ask  # type: ignore[method-assign]
    async with connected(running) as (reader, writer):
        end = pack(b'{"page": "p1", "closed": true}')
        writer.write(BROWSER + envelope("connect") + end + envelope("connect", "p2", "https://other.example"))
        await frame(reader)
        answers = [await frame(reader), await frame(reader)]  # the second page has its turn: nobody holds the person
        assert {answer["page"] for answer in answers} == {"p1", "p2"}
        assert not shown.is_set()


async def test_a_command_that_ends_right_after_its_request_leaves_nothing_running(running: Running) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def listing() -> Any:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            ended.set()

    running.composition.tokens.listing = listing  # type: ignore[method-assign]
    for _ in range(5):
        async with connected(running) as (reader, writer):
            writer.write(hello(role="command", pin="window"))
            await frame(reader)
            writer.write(request("certificates"))
    client = await LocalClient.connect(running.places.socket, PinChoice("window"))
    await client.call("status", {})  # whatever came before was begun by now
    client.close()
    for _ in range(100):
        if begun.is_set() == ended.is_set():
            break
        await asyncio.sleep(0.05)
    assert begun.is_set() == ended.is_set()


async def test_a_peer_that_does_not_read_its_answers_is_not_listened_to(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(running.places.socket))
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(deaf, BROWSER)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < MANY:
                burst = b"".join(envelope("status", identifier=sent + one) for one in range(100))
                await asyncio.wait_for(loop.sock_sendall(deaf, burst), 2)
                sent += 100
        assert sent < MANY
        assert len(asyncio.all_tasks()) < 200
        client = await LocalClient.connect(running.places.socket, PinChoice("window"))
        assert (await asyncio.wait_for(client.call("status", {}), 5))["version"] == "0.1.0"
        client.close()


async def test_a_peer_that_sends_without_a_pause_does_not_keep_the_loop_to_itself(running: Running) -> None:
    running.composition.services.origins.allow(SITE, running.composition.services.now())
    burst = b"".join(envelope("status", identifier=number) for number in range(2000))
    stop = threading.Event()

    def flood() -> None:
        with socket.socket(socket.AF_UNIX) as peer, contextlib.suppress(OSError):
            peer.connect(str(running.places.socket))
            peer.sendall(BROWSER)
            threading.Thread(target=_swallow, args=(peer,), daemon=True).start()
            while not stop.is_set():
                peer.sendall(burst)
            peer.shutdown(socket.SHUT_RDWR)

    flooding = asyncio.ensure_future(asyncio.to_thread(flood))
    try:
        worst, end = 0.0, time.monotonic() + 2
        while time.monotonic() < end:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
            assert len(asyncio.all_tasks()) < 1000
        assert worst < 1.5
    finally:
        stop.set()
        await flooding


async def test_a_strange_site_cannot_take_all_places_on_loopback(running: Running) -> None:
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:

        async def opened(origin: str) -> bool:
            try:
                await stack.enter_async_context(session.ws_connect(running.url, headers={"Origin": origin}))
            except aiohttp.WSServerHandshakeError:
                return False
            return True

        taken = [await opened(f"https://{number % 5}.evil.example") for number in range(80)]
        assert sum(taken) < MAX_CONNECTIONS
        running.composition.services.origins.allow(SITE, running.composition.services.now())
        assert await opened(SITE)
        assert not all([await opened(SITE) for _ in range(40)])  # nor can one that is allowed
        running.composition.services.origins.allow("https://other.example", running.composition.services.now())
        assert await opened("https://other.example")


async def test_a_page_on_loopback_that_does_not_read_its_answers_is_not_listened_to(running: Running) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await loop.sock_connect(deaf, ("127.0.0.1", running.composition.port))
        await loop.sock_sendall(deaf, HANDSHAKE.format(port=running.composition.port, origin=SITE).encode())
        assert (await loop.sock_recv(deaf, 1000)).startswith(b"HTTP/1.1 101")
        text = b'{"jsonrpc": "2.0", "id": 1, "method": "x"}'
        burst = (bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text) * 100  # RFC 6455 section 5.2, masked with zeros
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 10 * MANY:
                await asyncio.wait_for(loop.sock_sendall(deaf, burst), 2)
                sent += 100
        assert sent < 10 * MANY
        assert len(asyncio.all_tasks()) < 200


async def test_another_user_who_knocks_without_a_pause_does_not_stop_the_agent(running: Running) -> None:
    knock = "import socket, sys\nwhile True:\n s = socket.socket(); s.setblocking(False)\n"
    knock += " s.connect_ex(('127.0.0.1', int(sys.argv[1]))); s.close()\n"
    flood = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", "-c", knock, str(running.composition.port), user=foreign.NOBODY, group=foreign.NOBODY
    )
    try:
        worst, end = 0.0, time.monotonic() + 3
        while time.monotonic() < end:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
    finally:
        flood.kill()
        await flood.wait()
    assert worst < 1.5


def _swallow(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while peer.recv(1 << 20):
            pass
