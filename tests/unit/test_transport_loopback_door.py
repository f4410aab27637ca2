"""The loopback port of an agent that nobody visited yet."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence

import pytest

from agent.errors import PortsTaken
from agent.transport.loopback_door import LoopbackDoor


class Greeting:
    """Serves a word in place of the real one."""

    def __init__(self) -> None:
        self.servers: list[asyncio.Server] = []

    async def serve(self, port: int, sockets: Sequence[socket.socket]) -> None:
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"welcome to {port}".encode())
            writer.close()
            await writer.wait_closed()

        self.servers = [await asyncio.start_server(greet, sock=one) for one in sockets]

    async def close(self) -> None:
        for server in self.servers:
            server.close()


class Made:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Greeting:
        self.count += 1
        return Greeting()


def door(made: Made, *ports: int) -> LoopbackDoor:
    return LoopbackDoor(made, ports or (0,))  # type: ignore[arg-type]  # it looks like a Loopback


async def visit(port: int | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    return said


async def test_what_serves_is_made_for_the_first_visitor_who_is_served_and_so_are_the_next_ones() -> None:
    made = Made()
    opened = door(made)
    await opened.listen()
    assert made.count == 0
    said = await asyncio.gather(*(visit(opened.port) for _ in range(3)))
    assert said == [f"welcome to {opened.port}".encode()] * 3
    assert await visit(opened.port) == said[0]
    assert made.count == 1
    await opened.close()


async def test_a_door_that_nobody_came_to_lets_go_of_its_port() -> None:
    made = Made()
    first = door(made)
    await first.listen()
    port = first.port
    assert port
    with pytest.raises(PortsTaken):
        await door(made, port).listen()
    await first.close()
    assert (first.port, made.count) == (None, 0)
    second = door(made, port)
    await second.listen()
    assert await visit(port) == f"welcome to {port}".encode()
    await second.close()


def test_an_agent_imports_no_http_before_somebody_speaks_it() -> None:
    program = "import sys, agent.app, agent.transport.loopback_door, agent.transport.local_socket; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    assert not {"aiohttp", "http.client", "urllib.request"} & set(loaded)


def test_a_command_with_an_agent_imports_none_of_it() -> None:
    program = "import sys, agent.session, agent.cli.sign; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    assert not {"agent.app", "agent.signing.procedure", "agent.tokens", "lxml", "sqlite3"} & set(loaded)
