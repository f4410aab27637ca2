"""Time servers on loopback, which tell the truth or lie."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

NTP_EPOCH = 2208988800  # seconds from 1900 to 1970, RFC 5905 figure 4


@contextmanager
def time_server(ahead: float, *, stratum: int = 2, leap: int = 0) -> Iterator[str]:
    """An NTP server (RFC 5905 figure 8) whose clock is `ahead` seconds of ours; its "host:port"."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def stamp() -> bytes:
        seconds = time.time() + NTP_EPOCH + ahead
        return struct.pack("!II", int(seconds), int(seconds % 1 * 2**32))

    def serve() -> None:
        while True:
            request, peer = server.recvfrom(1024)
            if request == b"stop":
                return
            first = leap << 6 | 4 << 3 | 4  # version 4, mode server
            head = struct.pack("!BBbb", first, stratum, 6, -20) + bytes(8) + b"LOCL"
            server.sendto(head + stamp() + request[40:48] + stamp() + stamp(), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    host, port = server.getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.sendto(b"stop", (host, port))
        thread.join()
        server.close()
