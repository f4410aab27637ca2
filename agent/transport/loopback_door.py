"""The loopback port of an agent that nobody visited yet: bound from the start, served from the first visitor on.

What serves it takes longer to import than all the rest of the agent, and 15 MB; on most machines no page ever comes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.errors import PortsTaken

if TYPE_CHECKING:
    from agent.transport.loopback import Loopback

BACKLOG = 4  # also how many are accepted in a row: to look for a peer's user takes milliseconds, and others wait


class LoopbackDoor:
    """`make` imports what serves and makes one; it is called in a thread."""

    def __init__(self, make: Callable[[], Loopback], ports: tuple[int, ...]) -> None:
        self._make = make
        self._ports = ports
        self._sockets: list[socket.socket] = []  # that nobody serves yet
        self._loopback: Loopback | None = None
        self._opening: asyncio.Task[None] | None = None
        self.port: int | None = None

    async def listen(self) -> None:
        """Raises PortsTaken."""
        self.port, self._sockets = bind(self._ports)
        try:
            for one in self._sockets:
                asyncio.get_running_loop().add_reader(one, self._open)
        except NotImplementedError:  # Windows: such a loop has no readers
            self._open()

    def _open(self) -> None:
        """Somebody is there; they wait in the backlog meanwhile."""
        if self._opening is None:
            self._unwatch()
            self._opening = asyncio.create_task(self._serve())

    def _unwatch(self) -> None:
        for one in self._sockets:
            try:
                asyncio.get_running_loop().remove_reader(one)
            except NotImplementedError:
                return

    async def _serve(self) -> None:
        loopback = self._loopback = await asyncio.to_thread(self._make)
        sockets, self._sockets = self._sockets, []
        if self.port is not None:
            await loopback.serve(self.port, sockets)

    async def close(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._loopback is not None:
            await self._loopback.close()
        self._unwatch()
        for one in self._sockets:
            one.close()
        self._sockets, self.port = [], None


def bind(ports: tuple[int, ...]) -> tuple[int, list[socket.socket]]:
    """The first port that is free on 127.0.0.1 and, where the machine has it, on ::1. Raises PortsTaken."""
    for port in ports:
        sockets: list[socket.socket] = []
        try:
            sockets.append(_listener(socket.AF_INET, "127.0.0.1", port))
            if socket.has_ipv6 and _has_ipv6_loopback():
                sockets.append(_listener(socket.AF_INET6, "::1", sockets[0].getsockname()[1]))
        except OSError:
            for one in sockets:
                one.close()
            continue
        return sockets[0].getsockname()[1], sockets
    raise PortsTaken(ports=", ".join(map(str, ports)))


def _listener(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True
