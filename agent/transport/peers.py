"""Who is at the other end: the user of a local socket's peer, and of a loopback TCP peer."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def local_socket_user(connection: socket.socket) -> int | None:
    """The user id at the other end of an AF_UNIX socket; None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    if sys.platform == "darwin":
        # struct xucred (sys/ucred.h): version, user id, groups; level SOL_LOCAL, option LOCAL_PEERCRED
        credentials = connection.getsockopt(0, 1, 76)
        return int(struct.unpack_from("2I", credentials)[1])
    return None


def is_same_user(user: int | None) -> bool:
    return user is not None and user == os.getuid()


def loopback_user(peer: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """The user id that owns the peer's end of a loopback connection; None where no such socket is found.

    Linux: /proc/net/tcp and tcp6 (proc(5)); about 2 ms. Elsewhere None: the loopback transport is refused there.
    """
    wanted = {(_hexadecimal(peer, wide), _hexadecimal(ours, wide)) for wide in (False, True)}
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if (fields[1], fields[2]) in wanted:
                return int(fields[7])
    return None


def _hexadecimal(address: tuple[str, int], wide: bool) -> str:
    """An address as the tables write it: each 32-bit word of the network form in this machine's byte order."""
    ip = ipaddress.ip_address(address[0])
    packed = ip.packed
    if wide and len(packed) == 4:
        packed = b"\0" * 10 + b"\xff\xff" + packed
    words = [packed[index : index + 4] for index in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
