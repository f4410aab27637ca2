"""Pero's window as the agent has it: one that hangs holds nobody, and nobody else is taken for it (R45)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.desktop import desk_process
from agent.desktop.desk_process import DeskProcess
from agent.transport.channel import FrameChannel
from native_host.framing import pack
from native_host.manifests import CHROMIUM_EXTENSION
from tests.unit.test_transport import Running

PATIENCE = 60.0  # seconds
MANY = tuple(f"/{number}/{'x' * 4000}" for number in range(1000))  # more than a socket holds unread


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    await running.agent.start()
    yield running
    await running.agent.stop()


async def test_a_window_that_reads_nothing_more_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_process, "TELL_DEADLINE", 0.5)
    monkeypatch.setattr(desk_process, "END_DEADLINE", 0.1)
    started: list[str] = []

    async def start(_self: DeskProcess, page: str, _files: tuple[str, ...]) -> None:
        started.append(page)

    async def serve(_channel: FrameChannel, _hello: bytes, _descriptors: tuple[int, ...]) -> None:
        """Not called: the window that is adopted is served by whoever heard it."""

    monkeypatch.setattr(DeskProcess, "_start", start)
    ours, theirs = socket.socketpair()
    with theirs, contextlib.closing(FrameChannel(ours)) as channel:
        desk = DeskProcess(serve, {})

        async def session() -> None:
            assert desk.adopt(channel)
            await asyncio.get_running_loop().create_future()

        serving = asyncio.create_task(session())
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await desk.open("sign", MANY)
            assert started == ["sign"]
            assert serving.cancelled()
            await desk.close()


@pytest.mark.parametrize("hello", [{"role": "native_host", "arguments": [f"chrome-extension://{CHROMIUM_EXTENSION}/"]}])
async def test_a_browser_is_not_taken_for_the_window(running: Running, hello: dict[str, object]) -> None:
    reader, writer = await asyncio.open_unix_connection(running.places.socket)
    writer.write(pack(json.dumps({"hello": {**hello, "protocol": 1, "desk": True}}).encode()))
    async with asyncio.timeout(PATIENCE):
        answer = json.loads((await reader.read())[4:])
    writer.close()
    assert answer["error"]["message"] == "not_allowed"
