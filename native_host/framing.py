"""Length-prefixed frames: four bytes of length in native byte order, then that many bytes.

The form is the one that browsers speak with a native messaging host, so that a frame can be copied between browser
and agent without being understood. The same form is used on every channel between Pero's own processes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

MAX_FRAME = 1 << 20  # bytes; the browsers' own limit for what a host sends
_LENGTH = struct.Struct("=I")
HEADER = _LENGTH.size  # bytes


class FrameError(Exception):
    """The peer broke the framing: too long a frame, or an end in the middle of one."""


def pack(payload: bytes, *, limit: int = MAX_FRAME) -> bytes:
    """The frame of a payload. Raises FrameError where it is longer than `limit` bytes."""
    if len(payload) > limit:
        raise FrameError(f"frame of {len(payload)} bytes, limit {limit}")
    return _LENGTH.pack(len(payload)) + payload


def length(header: bytes, *, limit: int = MAX_FRAME) -> int:
    """The length that a header of four bytes announces."""
    (size,) = _LENGTH.unpack(header)
    if size > limit:
        raise FrameError(f"frame of {size} bytes, limit {limit}")
    return int(size)


def read(read_bytes: Callable[[int], bytes], *, limit: int = MAX_FRAME) -> bytes | None:
    """One frame from a blocking source; None at a clean end between two frames.

    `read_bytes(n)` returns at most n bytes and b"" at the end, like a socket's recv or a raw file's read.
    """
    header = _read_exactly(read_bytes, HEADER)
    if not header:
        return None
    if len(header) < HEADER:
        raise FrameError("end inside a header")
    size = length(header, limit=limit)
    payload = _read_exactly(read_bytes, size)
    if len(payload) < size:
        raise FrameError("end inside a frame")
    return payload


def _read_exactly(read_bytes: Callable[[int], bytes], size: int) -> bytes:
    parts = []
    while size:
        part = read_bytes(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class FrameBuffer:
    """Frames out of bytes that come in pieces of any size."""

    def __init__(self, *, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now. Raises FrameError at a frame over the limit."""
        self._bytes += data
        while len(self._bytes) >= HEADER:
            size = length(bytes(self._bytes[:HEADER]), limit=self._limit)
            if len(self._bytes) < HEADER + size:
                return
            frame = bytes(self._bytes[HEADER : HEADER + size])
            del self._bytes[: HEADER + size]
            yield frame

    @property
    def partial(self) -> bool:
        """Whether there is the beginning of a frame."""
        return bool(self._bytes)
