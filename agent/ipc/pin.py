"""The one road of a PIN: from the asker (window, terminal) to the worker, over a socket pair between the two.

The agent makes the pair, hands over both ends and keeps none. The conversation, in frames of ``native_host.framing``:

    worker -> asker   {"say": "ask", "tries_left": ..., "count_low": ..., "final_try": ..., "retry": ...}
    asker  -> worker  b"P" + the PIN in UTF-8       or  b"C", or the end of the channel: cancelled
    worker -> asker   {"say": "ask", "retry": true, ...} after a wrong PIN; {"say": "accepted"};
                      {"say": "failed", "error": NAME, "facts": {...}}: the conversation is over

Some operations need several secrets, one after another: the old PIN, then the new one; the passphrase of a file, then
the PIN of the token it goes to. `Ask.purpose` says which is asked for. `accepted` is said after each secret that was
checked and found right, and more may be asked after it; the end is the channel's end.

A `descriptor` source is a plain file (``--pin-fd``): it has a line for each secret, in the order in which they are
asked; there is one try and no conversation.

Python cannot promise that no copy of a PIN remains: `Pin` overwrites the one buffer it owns, and is otherwise only
kept from getting into logs, comparisons and other processes by accident.
"""

from __future__ import annotations

import os
import socket
from typing import Literal, NoReturn

import msgspec

from native_host import framing

MAX_PIN = 256  # bytes of UTF-8; a passphrase of a key file may be long
_FRAME_LIMIT = 4096  # bytes

PIN = b"P"
CANCEL = b"C"


class Pin:
    """A PIN in a buffer that is wiped. No repr, no equality, no copying, no pickling. `for_last_try`: whoever gave it
    agreed that the last try is spent on it."""

    __slots__ = ("_buffer", "for_last_try")

    def __init__(self, buffer: bytearray, *, for_last_try: bool = False) -> None:
        self._buffer = buffer
        self.for_last_try = for_last_try

    def reveal(self) -> bytes:
        """The PIN in UTF-8, for the one call that needs it. The copy made here is not wiped."""
        return bytes(self._buffer)

    def wipe(self) -> None:
        for index in range(len(self._buffer)):
            self._buffer[index] = 0
        self._buffer.clear()

    def __len__(self) -> int:
        return len(self._buffer)

    def __repr__(self) -> str:
        return "Pin(...)"

    __hash__ = None  # type: ignore[assignment]  # a PIN is never a key of anything

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("PINs are not compared")

    def __reduce__(self) -> NoReturn:
        raise TypeError("PINs are not pickled")


SourceKind = Literal["conversation", "descriptor", "daring_descriptor"]


class PinSource(msgspec.Struct):
    """Where a worker gets the PIN from. Whoever holds a source owns its descriptor and closes it.

    Of a conversation the last try is agreed to when it is asked for; a `descriptor` is never spent on it, a
    `daring_descriptor` may be.
    """

    kind: SourceKind
    descriptor: int

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


Purpose = Literal["pin", "so_pin", "puk", "new_pin", "passphrase"]


class Ask(msgspec.Struct, frozen=True, tag_field="say", tag="ask"):
    """The worker asks for a secret. `retry`: the one before was wrong. Flags as CK_TOKEN_INFO tells them, those of the
    security officer's PIN where that (or the PUK) is asked for.

    `purpose` "new_pin": the PIN (or the passphrase of a key file) to be set, which the asker has typed twice.
    """

    purpose: Purpose = "pin"
    retry: bool = False
    tries_left: int | None = None
    count_low: bool = False
    final_try: bool = False
    protected_path: bool = False
    minimum: int | None = None  # bytes of UTF-8; None where it is not known
    maximum: int | None = None  # bytes of UTF-8
    names: tuple[str, ...] = ()  # of a key file and its owner: no part of them may be in its new passphrase
    error: str = ""  # after a PIN that was not tried: name of the error, such as pin_length
    facts: dict[str, str | int | bool | None] = {}


class Accepted(msgspec.Struct, frozen=True, tag_field="say", tag="accepted"):
    """The secret was right; what it was asked for is being done, or the next one is asked for.

    `default_pin`: it is one that the vendor gives to every token. For the asker alone; the agent is not told.
    """

    default_pin: bool = False


class Failed(msgspec.Struct, frozen=True, tag_field="say", tag="failed"):
    """Nothing more is asked in this conversation."""

    error: str
    facts: dict[str, str | int | bool | None] = {}


Said = Ask | Accepted | Failed
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Said)


def conversation() -> tuple[socket.socket, socket.socket]:
    """The two ends of a new PIN conversation: (asker's, worker's)."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def encode_said(said: Said) -> bytes:
    """The frame in which a worker says something."""
    return framing.pack(_encoder.encode(said), limit=_FRAME_LIMIT)


def decode_said(payload: bytes) -> Said:
    """What a worker said, out of a frame's payload. Raises msgspec.DecodeError at anything else."""
    try:
        said: Said = _decoder.decode(payload)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError("not said by a worker") from error
    return said


def encode_pin(pin: bytearray) -> bytearray:
    """The frame that carries a PIN; the caller wipes it after sending, and the PIN itself."""
    frame = bytearray(framing.pack(PIN, limit=_FRAME_LIMIT))
    frame[: framing.HEADER] = (len(pin) + 1).to_bytes(framing.HEADER, _byte_order())
    frame += pin
    return frame


def encode_cancel() -> bytes:
    return framing.pack(CANCEL)


def decode_answer(payload: bytearray) -> Pin | None:
    """The PIN out of an asker's frame, None where it cancelled. Takes the payload over."""
    if payload[:1] != PIN or len(payload) > MAX_PIN + 1:
        return None
    del payload[:1]
    return Pin(payload)


def read_descriptor(descriptor: int) -> Pin | None:
    """The first line of a plain descriptor (``--pin-fd``) without its line end; None where it is empty. Blocks."""
    buffer = bytearray()
    while b"\n" not in buffer and len(buffer) <= MAX_PIN + 2:
        part = os.read(descriptor, MAX_PIN + 2)
        if not part:
            break
        buffer += part
    return take_line(buffer)


def take_line(buffer: bytearray) -> Pin | None:
    """The PIN in the first line of what a plain descriptor gave, None where it is empty or too long.

    Takes the buffer over; what stands behind the first line is cut off.
    """
    end = buffer.find(b"\n")
    if end >= 0:
        del buffer[end:]
    if buffer.endswith(b"\r"):
        del buffer[-1:]
    return Pin(buffer) if 0 < len(buffer) <= MAX_PIN else None


def _byte_order() -> Literal["little", "big"]:
    import sys

    return sys.byteorder
