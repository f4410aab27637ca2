"""Orders of octets in which modules give GOST signatures. The standard's is s and r, each big-endian."""

from __future__ import annotations

from collections.abc import Callable


def _swapped(signature: bytes) -> bytes:
    half = len(signature) // 2
    return signature[half:] + signature[:half]


def _reversed(signature: bytes) -> bytes:
    return signature[::-1]


STANDARD = "s, r"

# Names for the log. Each undoes itself.
ORDERS: dict[str, Callable[[bytes], bytes]] = {
    STANDARD: bytes,
    "r, s": _swapped,
    "all octets reversed": _reversed,
    "octets of s and of r reversed": lambda signature: _swapped(_reversed(signature)),
}
