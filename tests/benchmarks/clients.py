"""Ways to the agent without a browser: a raw WebSocket, and the native host at the ends of its pipes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from native_host import framing
from native_host.manifests import CHROMIUM_EXTENSION
from tests.benchmarks.requests import WARM_UP

Ask = Callable[[str], Awaitable[str]]


async def over_websocket(port: int, origin: str, work: Callable[[Ask], Awaitable[Any]], path: str = "/v1") -> Any:
    """What `work` makes of a connection: it is given a function from a message to the next one that comes back."""
    async with aiohttp.ClientSession() as session:
        opening = session.ws_connect(f"ws://127.0.0.1:{port}{path}", origin=origin, max_msg_size=0)
        async with opening as connection:

            async def ask(message: str) -> str:
                await connection.send_str(message)
                return await connection.receive_str()

            return await work(ask)


async def times(ask: Ask, request: Callable[[int], str], count: int) -> list[float]:
    """Milliseconds of so many calls one after the other; every answer must be a result."""
    found = []
    for number in range(WARM_UP + count):
        message = request(number)
        begin = time.perf_counter()
        answer = await ask(message)
        found.append((time.perf_counter() - begin) * 1e3)
        assert '"error"' not in answer, answer
    return found[WARM_UP:]


@contextlib.contextmanager
def native_host(launcher: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The native host as a browser starts it, connected to the agent."""
    process = subprocess.Popen(
        [launcher, f"chrome-extension://{CHROMIUM_EXTENSION}/"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        hello = framing.read(process.stdout.read)
        assert hello is not None
        assert "hello" in json.loads(hello), hello
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def over_native_host(process: subprocess.Popen[bytes], origin: str, message: str) -> dict[str, Any]:
    """The envelope that answers a page's message."""
    assert process.stdin is not None
    assert process.stdout is not None
    envelope = f'{{"page":"p1","origin":"{origin}","top_frame":true,"message":{message}}}'
    process.stdin.write(framing.pack(envelope.encode()))
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(framing.read(process.stdout.read) or b"{}")
    assert "result" in answer.get("message", {}), answer
    return answer
