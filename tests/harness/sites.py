"""Sites and proxies on loopback that work, or fail in one way."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

Handle = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(handle: Handle) -> Iterator[int]:
    """Each connection is handled in a thread of its own; the port."""
    server = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            handle(connection)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for one_thread in threads:
            one_thread.join()


def answering(status: int = 200, ahead: float = 0.0) -> Handle:
    """A site that answers one request with this status; its clock is `ahead` seconds of ours."""

    def handle(connection: socket.socket) -> None:
        read_head(connection)
        date = email.utils.formatdate(time.time() + ahead, usegmt=True)
        connection.sendall(f"HTTP/1.1 {status} Some\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())

    return handle


def saying(content: bytes) -> Handle:
    """Says that, whatever it is asked."""

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(content)

    return handle


def silent(connection: socket.socket) -> None:
    """Takes connections and says nothing until it is closed."""
    while connection.recv(4096):
        pass


def hanging_up(connection: socket.socket) -> None:
    """Resets the connection at the first octets (RST, by SO_LINGER)."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def secured(handle: Handle, context: ssl.SSLContext) -> Handle:
    def secure(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            handle(inner)

    return secure


def proxy(status: int = 200, *, to: int = 0) -> Handle:
    """A proxy that answers CONNECT with this status, and leads to a port of this machine whatever it is asked for;
    requests for http it answers itself."""

    def handle(connection: socket.socket) -> None:
        head = read_head(connection)
        if status != 200 or not head.startswith(b"CONNECT"):
            connection.sendall(f"HTTP/1.1 {status} Some\r\nContent-Length: 0\r\n\r\n".encode())
            return
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection(("127.0.0.1", to)) as other:
            back = threading.Thread(target=_copy, args=(other, connection))
            back.start()
            _copy(connection, other)
            back.join()

    return handle


def read_head(connection: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        piece = connection.recv(4096)
        if not piece:
            break
        found += piece
    return found


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(4096):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
