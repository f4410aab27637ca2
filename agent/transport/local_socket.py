"""The local socket: native hosts and commands of the same user. Its folder is ours alone, its peers are checked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.config import secure_folder
from agent.errors import FileUnwritable
from agent.transport.channel import FrameChannel
from agent.transport.peers import is_same_user, local_socket_user
from native_host.framing import FrameError

HELLO_SECONDS = 10.0  # a connection that does not say hello by then is closed
CLOSE_SECONDS = 2.0  # for answers that are being written when the agent stops
_BACKLOG = 64

Serve = Callable[[FrameChannel, bytes, tuple[int, ...]], Awaitable[None]]

_log = logging.getLogger("pero.transport")


class LocalSocket:
    """Listens at a path. `serve(channel, hello, descriptors)` talks with one client and owns the descriptors."""

    def __init__(self, path: Path, serve: Serve) -> None:
        self._path = path
        self._serve = serve
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._channels: set[FrameChannel] = set()

    def listen(self) -> None:
        """A socket left by a dead agent is replaced: the caller holds the lock of the state folder.

        Raises StateUnsafe where the folder is not ours alone, FileUnwritable where no socket can be made in it.
        """
        secure_folder(self._path.parent)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            listener.listen(_BACKLOG)
        except OSError as error:  # a folder in its place, or a path over the limit of sun_path (unix(7))
            listener.close()
            raise FileUnwritable(path=str(self._path), reason=error.strerror or str(error)) from error
        finally:
            os.umask(mask)
        listener.setblocking(False)
        self._listener = listener
        self._accepting = asyncio.ensure_future(self._accept(listener))

    async def close(self) -> None:
        """Stop listening, remove the socket, hear nobody any more, let answers under way be written."""
        if self._listener is None or self._accepting is None:
            return
        with contextlib.suppress(OSError):  # gone, or its folder was made read-only: the next agent replaces it
            self._path.unlink()
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        self._listener = None
        for channel in list(self._channels):
            channel.stop_reading()
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _address = await loop.sock_accept(listener)
            except OSError as error:  # out of descriptors, say: the next client may do better
                _log.warning("accept_failed reason=%s", error.strerror)
                await asyncio.sleep(0.2)
                continue
            self._keep(self._converse(connection))

    async def _converse(self, connection: socket.socket) -> None:
        with connection:
            if not is_same_user(local_socket_user(connection)):
                _log.warning("foreign_peer transport=local_socket")
                return
            channel = FrameChannel(connection)
            self._channels.add(channel)
            try:
                async with asyncio.timeout(HELLO_SECONDS):
                    hello, descriptors = await channel.first_frame()
                if hello is not None:
                    await self._serve(channel, hello, descriptors)
            except (FrameError, ConnectionError, TimeoutError) as error:
                _log.info("connection_ended reason=%s", type(error).__name__)
            finally:
                self._channels.discard(channel)
