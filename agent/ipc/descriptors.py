"""Descriptors handed to another process (SCM_RIGHTS), on a raw socket of their own beside the data one."""

from __future__ import annotations

import array
import os
import socket

_TAG_LIMIT = 64  # bytes that may go with a descriptor
_INT = array.array("i").itemsize


def send_descriptor(control: socket.socket, tag: bytes, descriptor: int) -> None:
    """Send one descriptor with a short tag (at most 64 bytes); the sender keeps its own copy and should close it.

    The control socket keeps message boundaries (SOCK_SEQPACKET).
    """
    if len(tag) > _TAG_LIMIT:
        raise ValueError("tag too long")
    control.sendmsg([tag], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])


def receive_descriptor(control: socket.socket) -> tuple[bytes, int] | None:
    """Tag and descriptor of the next message; None at the end. The receiver owns the descriptor.

    Raises OSError (EBADMSG in words) where a message came without exactly one descriptor.
    """
    tag, ancillary, _flags, _address = control.recvmsg(_TAG_LIMIT, socket.CMSG_SPACE(4 * _INT))
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % _INT])
    if not tag and not descriptors:
        return None
    if len(descriptors) != 1:
        for descriptor in descriptors:
            os.close(descriptor)
        raise OSError(f"expected one descriptor, got {len(descriptors)}")
    os.set_inheritable(descriptors[0], False)
    return tag, descriptors[0]
