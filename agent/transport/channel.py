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
_MAX_DESCRIPTORS = 4


class FrameChannel:
    """Reads and writes frames on a non-blocking socket. One reader at a time; writers take turns."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._frames: deque[bytes] = deque()
        self._buffer = FrameBuffer()
        self._writing = asyncio.Lock()
        self._ended = False

    async def first_frame(self) -> tuple[bytes | None, int | None]:
        """The first frame and the one descriptor that came with it, if any; the caller owns the descriptor.

        Raises FrameError where the frame is broken or more than one descriptor came.
        """
        await _readable(self._socket)
        try:
            header, ancillary, _flags, _address = self._socket.recvmsg(
                HEADER, socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
            )
        except (BlockingIOError, ConnectionError):
            return None, None
        descriptor = _only_descriptor(ancillary)
        try:
            for frame in self._buffer.feed(header):
                self._frames.append(frame)
            length(header.ljust(HEADER, b"\0"))
            return await self.read(), descriptor
        except BaseException:
            if descriptor is not None:
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


def _only_descriptor(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    if len(descriptors) > 1:
        for descriptor in descriptors:
            os.close(descriptor)
        raise FrameError("more than one descriptor")
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
