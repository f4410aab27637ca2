"""The road of a PIN: the frames of a conversation, and a value that does not get about by accident."""

from __future__ import annotations

import copy
import os
import pickle

import msgspec
import pytest

from agent.ipc import pin
from agent.ipc.pin import Accepted, Ask, Failed, Pin, PinSource
from native_host import framing

RUBBISH = (b"\xff", b'{"say":"\xff"}', b'{"say":"failed","error":"\xcd"}', b"[" * 4000)


def frame_payload(frame: bytes) -> bytes:
    assert int.from_bytes(frame[: framing.HEADER], "little") == len(frame) - framing.HEADER
    return frame[framing.HEADER :]


@pytest.mark.parametrize(
    "said",
    [
        Ask(),
        Ask(retry=True, tries_left=2, count_low=True, final_try=True, protected_path=True),
        Ask(error="pin_length", facts={"minimum": 4, "maximum": 8}),
        Accepted(),
        Failed("pin_locked", {"token": "Токен"}),
    ],
)
def test_what_a_worker_says_arrives_as_it_was_said(said: pin.Said) -> None:
    assert pin.decode_said(frame_payload(pin.encode_said(said))) == said


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"say":"more"}', b'{"say":"ask","retry":"yes"}', *RUBBISH])
def test_anything_else_is_a_decode_error(payload: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        pin.decode_said(payload)


@pytest.mark.parametrize("typed", ["1234", "пароль с пробелом", "x" * 256, ""])
def test_a_pin_arrives_as_it_was_typed(typed: str) -> None:
    payload = frame_payload(bytes(pin.encode_pin(bytearray(typed.encode()))))
    arrived = pin.decode_answer(bytearray(payload))
    assert arrived is not None
    assert arrived.reveal().decode() == typed


@pytest.mark.parametrize("payload", [b"", b"C", b"X1234", b"P" + b"1" * 257])
def test_a_cancel_or_anything_unknown_is_no_pin(payload: bytes) -> None:
    assert pin.decode_answer(bytearray(payload)) is None


def test_a_wiped_pin_leaves_nothing_in_its_buffer() -> None:
    buffer = bytearray(b"12345678")
    view = memoryview(bytes(buffer))
    held = Pin(buffer)
    held.wipe()
    assert buffer == b""
    assert len(held) == 0
    assert view.tobytes() == b"12345678"  # a copy is a copy: the docstring says so


def test_a_pin_has_no_words_no_equal_and_no_copy() -> None:
    held = Pin(bytearray(b"12345678"))
    assert "1234" not in repr(held) + str(held) + f"{held}"
    with pytest.raises(TypeError):
        _ = held == held
    with pytest.raises(TypeError):
        hash(held)
    with pytest.raises(TypeError):
        pickle.dumps(held)
    with pytest.raises(TypeError):
        copy.copy(held)
    with pytest.raises((TypeError, msgspec.ValidationError)):
        msgspec.json.encode(held)


@pytest.mark.parametrize(
    ("content", "typed"),
    [
        (b"1234\n", b"1234"),
        (b"1234", b"1234"),
        (b"1234\r\nmore\n", b"1234"),
        (b" 12 34 \n", b" 12 34 "),
        (b"x" * 256 + b"\n", b"x" * 256),
        (b"x" * 257, None),
        (b"\n", None),
        (b"", None),
        (b"\n1234\n", None),
    ],
)
def test_the_first_line_of_a_descriptor_is_the_pin(content: bytes, typed: bytes | None) -> None:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    try:
        found = pin.read_descriptor(reading)
    finally:
        os.close(reading)
    taken = pin.take_line(bytearray(content))
    assert (found.reveal() if found else None) == typed
    assert (taken.reveal() if taken else None) == typed


def test_a_source_closes_its_descriptor_once() -> None:
    reading, writing = os.pipe()
    source = PinSource("descriptor", reading)
    source.close()
    source.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)
    os.close(writing)


def test_a_conversation_ends_for_one_when_the_other_leaves() -> None:
    asker, worker = pin.conversation()
    with asker, worker:
        worker.close()
        assert asker.recv(1) == b""
