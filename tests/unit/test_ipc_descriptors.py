"""Descriptors handed from process to process."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator

import pytest

from agent.ipc.descriptors import receive_descriptor, send_descriptor


@pytest.fixture
def control() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def test_a_descriptor_arrives_with_its_tag_and_is_not_inherited_further(
    control: tuple[socket.socket, socket.socket],
) -> None:
    reading, writing = os.pipe()
    send_descriptor(control[0], b"17", writing)
    received = receive_descriptor(control[1])
    assert received is not None
    tag, descriptor = received
    assert tag == b"17"
    assert not os.get_inheritable(descriptor)
    os.close(writing)
    os.write(descriptor, b"through")
    os.close(descriptor)
    assert os.read(reading, 10) == b"through"
    os.close(reading)


def test_messages_keep_their_order_and_boundaries(control: tuple[socket.socket, socket.socket]) -> None:
    for tag in (b"1", b"22", b"333"):
        send_descriptor(control[0], tag, control[0].fileno())
    for tag in (b"1", b"22", b"333"):
        received = receive_descriptor(control[1])
        assert received is not None
        assert received[0] == tag
        os.close(received[1])


def test_the_end_is_none(control: tuple[socket.socket, socket.socket]) -> None:
    control[0].close()
    assert receive_descriptor(control[1]) is None


@pytest.mark.parametrize("count", [0, 2])
def test_a_message_without_exactly_one_descriptor_is_refused_and_nothing_kept(
    control: tuple[socket.socket, socket.socket], count: int
) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path would hold the folder open
    numbers = array.array("i", [control[0].fileno()] * count)
    control[0].sendmsg([b"tag"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if count else [])
    with pytest.raises(OSError, match="expected one descriptor"):
        receive_descriptor(control[1])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_tag_over_the_limit_is_refused(control: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ValueError, match="tag"):
        send_descriptor(control[0], b"x" * 65, 0)
