"""The loopback WebSocket: pages that have no extension. `Host`, peer user and `Origin` are checked before anything.

Every page on the internet and every user of this machine can reach the port. What holds them: a peer of another user
is closed without a byte; a Host that is not a loopback name and port of ours (DNS rebinding) and an Origin that may
not ask get an empty refusal; an origin that the person did not allow gets `not_allowed` and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence

from aiohttp import WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from agent.api.caller import Caller, Role
from agent.api.dispatcher import Dispatcher
from agent.api.messages import MAX_MESSAGE
from agent.config import LOOPBACK_PORTS
from agent.consent.origins import parse_origin
from agent.consent.prompter import Prompter
from agent.errors import OriginRefused
from agent.transport.loopback_door import BACKLOG, bind
from agent.transport.peers import is_same_user, loopback_user
from agent.transport.upload import HttpUploads

PATH = "/v1"
MAX_CONNECTIONS = 64
MAX_OF_ORIGIN = 16  # connections of one site, so that it cannot take all of them
MAX_STRANGERS = 16  # connections of sites that the person has not allowed, together: they may not keep the others out
MAX_AT_ONCE = 32  # unanswered messages of a connection before it is heard again; twice what an origin may have waiting
_NAMES = ("127.0.0.1", "[::1]", "localhost")

_log = logging.getLogger("pero.transport")


class Loopback:
    """Listens on 127.0.0.1 and, where the machine has it, on ::1, on the first port that is free on both."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        prompter: Prompter,
        ports: tuple[int, ...] = LOOPBACK_PORTS,
        uploads: HttpUploads | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._uploads = uploads
        self._prompter = prompter
        self._ports = ports
        self._servers: list[asyncio.Server] = []
        self._web: web.Server | None = None
        self._open: dict[web.WebSocketResponse, Caller] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.port: int | None = None

    async def listen(self) -> None:
        """Raises PortsTaken."""
        await self.serve(*bind(self._ports))

    async def serve(self, port: int, sockets: Sequence[socket.socket]) -> None:
        """Listen on sockets that are bound already."""
        self._web = _GuardedServer(self._request, access_log=None)
        loop = asyncio.get_running_loop()
        self._servers = [await loop.create_server(self._web, sock=one, backlog=BACKLOG) for one in sockets]
        self.port = port

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        if self._answering:
            await asyncio.wait(self._answering, timeout=1.0)
        for connection in list(self._open):
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(connection.close(code=1001), timeout=1.0)
        if self._web is not None:
            await self._web.shutdown(timeout=1.0)
        self.port = None

    async def _request(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Host", "") not in {f"{name}:{self.port}" for name in _NAMES}:
            return _refusal(403)
        if len(request.headers.getall("Origin", [])) != 1:
            return _refusal(404)
        if request.path != PATH:
            return await self._other(request) or _refusal(404)
        try:
            origin = parse_origin(request.headers["Origin"])
        except OriginRefused:
            return _refusal(403)
        caller = Caller(Role.PAGE, origin, "loopback", self._prompter)
        if not self._has_place(caller):
            return _refusal(503)
        connection = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, compress=False)
        if not connection.can_prepare(request):
            return _refusal(404)
        self._open[connection] = caller
        try:
            await connection.prepare(request)
            await self._converse(connection, caller)
        finally:
            del self._open[connection]
        return connection

    async def _other(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """None: there is nothing else to be found."""
        try:
            origin = parse_origin(request.headers["Origin"])
        except OriginRefused:
            return None
        return None if self._uploads is None else await self._uploads.answer(request, origin)

    def _has_place(self, caller: Caller) -> bool:
        """Whether one more connection may be opened, for this caller."""
        others = self._open.values()
        if len(others) >= MAX_CONNECTIONS or sum(one.origin == caller.origin for one in others) >= MAX_OF_ORIGIN:
            return False
        strangers = sum(not self._dispatcher.is_allowed(one) for one in others)
        return strangers < MAX_STRANGERS or self._dispatcher.is_allowed(caller)

    async def _converse(self, connection: web.WebSocketResponse, caller: Caller) -> None:
        self._dispatcher.opened(caller)
        room = asyncio.Semaphore(MAX_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    async for message in connection:
                        if message.type is WSMsgType.TEXT:
                            await room.acquire()
                            task = tasks.create_task(self._answer(connection, caller, message.data))
                            self._answering.add(task)
                            task.add_done_callback(self._answering.discard)
                            task.add_done_callback(lambda _: room.release())
                        elif message.type is WSMsgType.BINARY:
                            await connection.close(code=1003)  # RFC 6455 section 7.4.1: only text is taken
                finally:
                    self._dispatcher.closed(caller)
        except* ConnectionError:
            _log.info("page_gone transport=loopback")

    async def _answer(self, connection: web.WebSocketResponse, caller: Caller, message: str) -> None:
        answer = await self._dispatcher.handle(caller, message)
        if not connection.closed:
            await connection.send_str(answer.decode())


def _refusal(status: int) -> web.Response:
    """Nothing that tells what answers here."""
    return web.Response(status=status, text="", headers={"Connection": "close"})


class _GuardedHandler(RequestHandler):
    """Closes a peer of another user before a byte is read or written."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer, ours = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if peer is None or not is_same_user(loopback_user(peer[:2], ours[:2])):
            _log.warning("foreign_peer transport=loopback")
            assert isinstance(transport, asyncio.Transport)  # noqa: S101
            transport.abort()


class _GuardedServer(web.Server):
    def __call__(self) -> RequestHandler:
        return _GuardedHandler(self, loop=self._loop, **self._kwargs)
