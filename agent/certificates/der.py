"""A small writer and reader of DER (ITU-T X.690), for what is written or checked a thousand times.

asn1crypto reads what strangers wrote; this module writes our own structures and reads them back. The reader knows
definite lengths and low tag numbers only, which is all that DER of certificates and signatures needs.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = b"\x05\x00"
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
_CONSTRUCTED = 0x20
_LONGEST_IDENTIFIER = 64  # octets
SET = 0x31


def header(tag: int, size: int) -> bytes:
    """Identifier and length octets for contents of `size` bytes (X.690 section 8.1.3)."""
    if size < 0x80:
        return bytes((tag, size))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element whose contents are the parts."""
    return header(tag, sum(map(len, parts))) + b"".join(parts)


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """SET OF in DER: the encodings in ascending order (X.690 section 11.6)."""
    return tlv(tag, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


@functools.lru_cache(maxsize=64)
def oid(dotted: str) -> bytes:
    """An object identifier out of its dotted form (X.690 section 8.19)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    contents = b"".join(_base128(arc) for arc in (first * 40 + second, *rest))
    return tlv(OBJECT_IDENTIFIER, contents)


def dotted(element: Element) -> str:
    """The dotted form of an object identifier. Raises ValueError."""
    octets = element.contents
    if element.tag != OBJECT_IDENTIFIER or not octets or octets[-1] & 0x80:
        raise ValueError("object identifier")
    return _dotted(octets) if len(octets) <= _LONGEST_IDENTIFIER else _dotted.__wrapped__(octets)


@functools.lru_cache(maxsize=512)
def _dotted(octets: bytes) -> str:
    arcs, arc = [], 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(str(one) for one in (top, arcs[0] - 40 * top, *arcs[1:]))


def _base128(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | value & 0x7F)
    return bytes(reversed(octets))


def check_identifiers(source: bytes) -> None:
    """Raises ValueError where an object identifier is longer than any that exists: the time to write one out in dotted
    form grows with the square of its length. Goes through DER and BER alike, and leaves what is malformed to others."""
    position = 0
    while position + 2 <= len(source):
        tag, size, body = source[position], source[position + 1], position + 2
        if size & 0x80:
            body += size & 0x7F
            size = int.from_bytes(source[position + 2 : body], "big")
        if tag == OBJECT_IDENTIFIER and size > _LONGEST_IDENTIFIER:
            raise ValueError("object identifier")
        position = body if tag & _CONSTRUCTED else body + size


def time(moment: datetime.datetime) -> bytes:
    """Time of an aware moment, in whole seconds: UTCTime for 1950 to 2049, else GeneralizedTime (RFC 5652 11.3)."""
    if moment.tzinfo is None:
        raise ValueError("naive datetime")
    utc = moment.astimezone(datetime.UTC)
    digits = f"{utc.year:04d}{utc:%m%d%H%M%S}Z".encode()
    if 1950 <= utc.year < 2050:
        return tlv(UTC_TIME, digits[2:])
    return tlv(GENERALIZED_TIME, digits)


class Element(NamedTuple):
    """One element inside `source`; offsets are in bytes from its beginning."""

    source: bytes
    tag: int  # identifier octet
    start: int
    body: int  # where the contents begin
    end: int

    @property
    def whole(self) -> bytes:
        return self.source[self.start : self.end]

    @property
    def contents(self) -> bytes:
        return self.source[self.body : self.end]

    def children(self) -> Iterator[Element]:
        position = self.body
        while position < self.end:
            child = read(self.source, position, self.end)
            yield child
            position = child.end


def read(source: bytes, start: int = 0, limit: int | None = None) -> Element:
    """The element at `start`, which must end at or before `limit`. Raises ValueError for anything that is not DER."""
    limit = len(source) if limit is None else limit
    if start + 2 > limit:
        raise ValueError("truncated")
    tag, size, body = source[start], source[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("high tag number")
    if size & 0x80:
        octets = size & 0x7F
        if not octets or octets > 8 or body + octets > limit:
            raise ValueError("length")
        size = int.from_bytes(source[body : body + octets], "big")
        body += octets
        if size < 0x80 or size.bit_length() <= 8 * (octets - 1):
            raise ValueError("length not minimal")
    if body + size > limit:
        raise ValueError("truncated")
    return Element(source, tag, start, body, body + size)
