"""What a worker may say once a module overwrote its memory, or wrote to its socket: no event, and one kind of error."""

from __future__ import annotations

import msgspec
import pytest

from agent.tokens import messages


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff", b"{}", b"[" * 100_000, b'{"type":"Nothing","id":1}', b'{"type":"Started","id":"1"}',
        b'{"type":"Failure","id":1,"error":"\xcd"}', b'{"type":"Done","id":1,"signature":"%"}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_one_error(payload: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        messages.decode_event(payload)
