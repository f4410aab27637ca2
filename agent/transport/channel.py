"""Frames over a connected local socket, for asyncio; descriptors that come with the first frame are kept."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
from collections import deque

from native_host.framing import HEADER, FrameBuffer, FrameError, length, pack

_READ = 64 << 10  # bytes at a time
MAX_DESCRIPTORS = 3  # a command's: who gives the PIN, a document, and room for it
_RECEIVED = 5  # descriptors there is place for, so that too many are seen


class FrameChannel:
    """Reads and writes frames on a non-blocking socket. One reader at a time; writers take turns."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._frames: deque[bytes] = deque()
        self._buffer = FrameBuffer()
        self._writing = asyncio.Lock()
        self._ended = False

    async def first_frame(self) -> tuple[bytes | None, tuple[int, ...]]:
        """The first frame and the descriptors that came with it; the caller owns them.

        Raises FrameError where the frame is broken or more than MAX_DESCRIPTORS came.
        """
        await _readable(self._socket)
        try:
            header, ancillary, _flags, _address = self._socket.recvmsg(
                HEADER, socket.CMSG_SPACE(_RECEIVED * array.array("i").itemsize)
            )
        except (BlockingIOError, ConnectionError):
            return None, ()
        descriptors = _descriptors(ancillary)
        try:
            for frame in self._buffer.feed(header):
                self._frames.append(frame)
            length(header.ljust(HEADER, b"\0"))
            return await self.read(), descriptors
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    async def read(self) -> bytes | None:
        """The next frame; None at the end. Raises FrameError at a broken one, or an end inside one."""
        loop = asyncio.get_running_loop()
        while not self._frames:
            if self._ended:
                return None
            try:
                data = await loop.sock_recv(self._socket, _READ)
            except ConnectionError:
                data = b""
            if not data:
                self._ended = True
                if self._buffer.partial:
                    raise FrameError("end inside a frame")
                return None
            self._frames.extend(self._buffer.feed(data))
        return self._frames.popleft()

    async def write(self, payload: bytes) -> None:
        """Raises ConnectionError where the peer is gone, FrameError where the payload is over MAX_FRAME."""
        frame = pack(payload)
        async with self._writing:
            await asyncio.get_running_loop().sock_sendall(self._socket, frame)

    def stop_reading(self) -> None:
        """Make the reader see the end; what is being written still is."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        self._socket.close()


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, ...]:
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    if len(descriptors) > MAX_DESCRIPTORS:
        for descriptor in descriptors:
            os.close(descriptor)
        raise FrameError("too many descriptors")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return tuple(descriptors)


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
