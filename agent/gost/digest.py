"""Streebog through one function: `new`. The first provider that works and passes its self-test does all the work.

A library of the system digests over 100 MB a second. Without any, plain Python does half a megabyte: enough for signed
attributes, certificates and letters; larger content is refused, since it would take minutes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from agent.errors import DigestTooSlow
from agent.gost import libraries
from agent.gost.libraries import Maker, Running
from agent.gost.streebog import Streebog

SIZES = {"streebog256": 32, "streebog512": 64}  # bytes
MAX_SLOW = 4 << 20  # bytes of content that plain Python takes; 10 to 20 seconds
_PIECE = 1 << 20  # bytes; what is no bytes object is copied piece by piece


class Provider(NamedTuple):
    name: str
    load: Callable[[], Maker]
    limit: int | None = None  # bytes of content


# In the order of preference: RFC 6986 by the fastest and most common first.
PROVIDERS: tuple[Provider, ...] = (
    Provider("libgcrypt", libraries.gcrypt),
    Provider("GnuTLS", libraries.gnutls),
    Provider("Nettle", libraries.nettle),
    Provider("OpenSSL", libraries.openssl),
    Provider("Python", lambda: Streebog, MAX_SLOW),
)

# RFC 6986 sections 10.1 and 10.2, and a sum of blocks that carries over all its octets (gost-engine, etalon/carry):
# message, digest of 32 bytes, digest of 64 bytes.
_KNOWN = tuple(
    (bytes.fromhex(message), bytes.fromhex(short), bytes.fromhex(long))
    for message, short, long in (
        (
            "30313233343536373839" * 6 + "303132",
            "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500",
            "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa"
            "00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48",
        ),
        (
            "d1e520e2e5f2f0e82c20d1f2f0e8e1eee6e820e2edf3f6e82c20e2e5fef2fa20f120eceef0ff20f1"
            "f2f0e5ebe0ece820ede020f5f0e0e1f0fbff20efebfaeafb20c8e3eef0e5e2fb",
            "9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50",
            "1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376"
            "035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28",
        ),
        (
            "ee" * 64 + "16" + "11" * 62 + "16",
            "81bb632fa31fcc38b4c379a662dbc58b9bed83f50d3a1b2ce7271ab02d25babb",
            "8b06f41e59907d9636e892caf5942fcdfb71fa31169a5e70f0edb873664df41c"
            "2cce6e06dc6755d15a61cdeb92bd607cc4aaca6732bf3568a23a210dd520fd41",
        ),
    )
)


class Digest:
    """A Streebog digest in the making; used like an object of hashlib. Octets in the order of CMS."""

    def __init__(self, name: str, running: Running, limit: int | None) -> None:
        self.name = name
        self.digest_size = SIZES[name]
        self._running = running
        self._limit = limit
        self._taken = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Raises DigestTooSlow before the content grows beyond what the provider can do in reasonable time."""
        view = memoryview(data).cast("B")
        self._taken += len(view)
        if self._limit is not None and self._taken > self._limit:
            raise DigestTooSlow(algorithm=self.name, limit=self._limit)
        if isinstance(data, bytes):
            self._running.update(data)
        else:
            for at in range(0, len(view), _PIECE):
                self._running.update(bytes(view[at : at + _PIECE]))

    def digest(self) -> bytes:
        return self._running.digest()

    def hexdigest(self) -> str:
        return self.digest().hex()


def new(name: str, data: bytes | bytearray | memoryview = b"") -> Digest:
    """A digest by its name in SIZES, of `data` to begin with. Raises DigestTooSlow."""
    provider, maker = _chosen()
    digest = Digest(name, maker(SIZES[name]), provider.limit)
    digest.update(data)
    return digest


@functools.cache
def _chosen() -> tuple[Provider, Maker]:
    return choose(PROVIDERS)


def choose(providers: tuple[Provider, ...]) -> tuple[Provider, Maker]:
    """The first that loads and passes its self-test; the last is always there."""
    for provider in providers[:-1]:
        maker = load(provider)
        if maker is not None:
            return provider, maker
    return providers[-1], providers[-1].load()


def load(provider: Provider) -> Maker | None:
    """Its maker; None where it is absent or does not digest as RFC 6986 does."""
    try:
        maker = provider.load()
        return maker if _passes(maker) else None
    except (OSError, AttributeError, ValueError):
        return None


def _passes(maker: Maker) -> bool:
    return all(_is_right(maker(len(right)), message, right) for message, *both in _KNOWN for right in both)


def _is_right(running: Running, message: bytes, right: bytes) -> bool:
    """In two pieces, and asked twice: that is how it is used."""
    running.update(message[:7])
    running.digest()
    running.update(message[7:])
    return running.digest() == right
