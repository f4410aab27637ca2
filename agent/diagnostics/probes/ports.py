"""Who listens on TCP ports of this machine: /proc/net/tcp, and the descriptors of processes that we may see."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_PROC = Path("/proc")


class Listener(NamedTuple):
    """A listening TCP socket of this machine."""

    host: str
    user: int  # numeric user id
    inode: int


def listeners(port: int) -> list[Listener] | None:
    """None where this system does not tell."""
    tables = [_PROC / "net/tcp", _PROC / "net/tcp6"]
    if not tables[0].exists():
        return None
    return [row for table in tables if table.exists() for row in listeners_in(table.read_text(), port)]


def sockets_of(process: int) -> set[int]:
    """The inodes of the sockets that a process holds, as far as we may see them."""
    return set(_socket_inodes(_PROC / str(process) / "fd"))


def holder(inode: int) -> str:
    """The name of the process that holds a socket; empty: not known."""
    for folder in _PROC.glob("[0-9]*"):
        if inode in _socket_inodes(folder / "fd"):
            try:
                return (folder / "comm").read_text("utf-8", "replace").strip()
            except OSError:
                return ""
    return ""


def listeners_in(table: str, port: int) -> Iterator[Listener]:
    """The rows of /proc/net/tcp or tcp6 that listen on a port (proc(5))."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, _, hexadecimal = fields[1].partition(":")
        if fields[3] == _LISTEN and int(hexadecimal, 16) == port:
            yield Listener(_address(address), int(fields[7]), int(fields[9]))


def _address(hexadecimal: str) -> str:
    """An address of /proc/net/tcp: 32-bit words in the machine's byte order."""
    words = bytes.fromhex(hexadecimal)
    turned = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
    return socket.inet_ntop(socket.AF_INET if len(turned) == 4 else socket.AF_INET6, turned)


def _socket_inodes(folder: Path) -> Iterator[int]:
    try:
        names = list(folder.iterdir())
    except OSError:
        return
    for name in names:
        try:
            target = str(name.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(target[len("socket:[") : -1])
