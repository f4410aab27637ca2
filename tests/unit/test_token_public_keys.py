"""Values of public keys as tokens show them."""

from __future__ import annotations

import pytest

from agent.tokens.public_key import shown_value

POINT = b"\4" + bytes(range(64))


@pytest.mark.parametrize(
    ("key_type", "shown", "value"),
    [
        ("rsa", b"\0\0\xc1\2", b"\xc1\2"),
        ("ec", b"\4\x41" + POINT, POINT),
        ("ec", POINT, POINT),
        ("ec", b"\4\x3f" + bytes(63), b"\4\x3f" + bytes(63)),  # a point that looks like an OCTET STRING
        ("gost256", bytes(range(64)), bytes(range(64))),
        ("gost256", b"\4\x40" + bytes(range(64)), bytes(range(64))),
        ("gost256", b"\4\x81\x40" + bytes(range(64)), bytes(range(64))),
        ("gost256", b"\4\x3e" + bytes(62), b"\4\x3e" + bytes(62)),
        ("gost512", bytes(range(128)), bytes(range(128))),
        ("gost512", b"\4\x81\x80" + bytes(range(128)), bytes(range(128))),
        ("gost512", b"\4\x7e" + bytes(126), b"\4\x7e" + bytes(126)),
        *((key_type, b"", b"") for key_type in ("rsa", "ec", "gost256", "gost512")),
    ],
)
def test_a_value_is_read_bare_and_wrapped(key_type: str, shown: bytes, value: bytes) -> None:
    assert shown_value(key_type, shown) == value
