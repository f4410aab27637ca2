"""Verification of GOST R 34.10-2012 signatures (RFC 7091 section 6.2), in plain Python: some milliseconds each.

Octets are those of CMS, X.509 and PKCS#11: a public key is x and y, each little-endian (RFC 9215 section 4.3); a
signature is s and r, each big-endian (RFC 9215 section 2); a digest is taken as a little-endian number. Time depends on
the values, which are public here: nothing in this module may be given a private key.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from agent.gost.parameters import Curve

_WIDTH = 5  # bits of a window of multiplication


class PublicKey(NamedTuple):
    curve: Curve
    x: int
    y: int


class _Point(NamedTuple):
    """Jacobian coordinates: (x / z**2, y / z**3); z = 0 is the point at infinity."""

    x: int
    y: int
    z: int


_INFINITY = _Point(1, 1, 0)


def public_key(curve: Curve, octets: bytes) -> PublicKey:
    """Raises ValueError unless the octets are a point of the curve, of the order q (RFC 7091 section 5.2)."""
    size = curve.size
    if len(octets) != 2 * size:
        raise ValueError("length of a public key")
    return _public_key(curve, bytes(octets))


@functools.lru_cache(maxsize=64)
def _public_key(curve: Curve, octets: bytes) -> PublicKey:
    x, y = (int.from_bytes(half, "little") for half in (octets[: curve.size], octets[curve.size :]))
    if x >= curve.p or y >= curve.p or (y * y - (x * x + curve.a) * x - curve.b) % curve.p:
        raise ValueError("not on the curve")
    key = PublicKey(curve, x, y)
    if curve.cofactor != 1 and _combination(key, 0, curve.q).z:
        raise ValueError("not of the order")
    return key


def verify(key: PublicKey, digest: bytes, signature: bytes) -> bool:
    """Whether the signature is of this digest (Streebog, of as many octets as the curve's size) by this key."""
    curve = key.curve
    size, q = curve.size, curve.q
    if len(signature) != 2 * size or len(digest) != size:
        return False
    s, r = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    if not (0 < r < q and 0 < s < q):
        return False
    inverse = pow(int.from_bytes(digest, "little") % q or 1, -1, q)
    point = _combination(key, s * inverse % q, -r * inverse % q)
    if not point.z:
        return False
    return point.x * pow(point.z, -2, curve.p) % curve.p % q == r


def _combination(key: PublicKey, base: int, own: int) -> _Point:
    """base * P + own * Q by one run of doublings, with windows of both factors."""
    curve = key.curve
    tables = (_multiples(curve, curve.x, curve.y), _multiples(curve, key.x, key.y))
    digits = (_windows(base), _windows(own))
    point = _INFINITY
    for place in range(max(map(len, digits)) - 1, -1, -1):
        point = _double(curve, point)
        for table, windows in zip(tables, digits, strict=True):
            digit = windows[place] if place < len(windows) else 0
            if digit:
                x, y, z = table[abs(digit) >> 1]
                point = _add(curve, point, _Point(x, y if digit > 0 else -y, z))
    return point


def _windows(factor: int) -> list[int]:
    """Signed odd digits, lowest place first, zeros between them (the non-adjacent form of a width)."""
    digits = []
    while factor:
        digit = 0
        if factor & 1:
            digit = factor & ((1 << _WIDTH) - 1)
            if digit >> (_WIDTH - 1):
                digit -= 1 << _WIDTH
            factor -= digit
        digits.append(digit)
        factor >>= 1
    return digits


@functools.lru_cache(maxsize=64)
def _multiples(curve: Curve, x: int, y: int) -> tuple[_Point, ...]:
    """The odd multiples of a point: 1, 3, 5 and so on, as many as windows need."""
    first = _Point(x, y, 1)
    twice = _double(curve, first)
    found = [first]
    while len(found) < 1 << (_WIDTH - 2):
        found.append(_add(curve, found[-1], twice))
    return tuple(found)


def _double(curve: Curve, point: _Point) -> _Point:
    x, y, z = point
    p = curve.p
    if not z or not y:
        return _INFINITY
    square = y * y % p
    four = 4 * x * square % p
    z_square = z * z % p
    if curve.a == p - 3:
        slope = 3 * (x - z_square) * (x + z_square) % p
    else:
        slope = (3 * x * x + curve.a * (z_square * z_square % p)) % p
    new = (slope * slope - 2 * four) % p
    return _Point(new, (slope * (four - new) - 8 * square * square) % p, 2 * y * z % p)


def _add(curve: Curve, one: _Point, other: _Point) -> _Point:
    p = curve.p
    if not one.z:
        return _Point(other.x, other.y % p, other.z)
    if not other.z:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = other
    square1, square2 = z1 * z1 % p, z2 * z2 % p
    u1, s1 = x1 * square2 % p, y1 * (square2 * z2 % p) % p
    h, slope = (x2 * square1 - u1) % p, (y2 * (square1 * z1 % p) - s1) % p
    if not h:
        return _INFINITY if slope else _double(curve, one)
    h_square = h * h % p
    cube, u = h_square * h % p, u1 * h_square % p
    x = (slope * slope - cube - 2 * u) % p
    return _Point(x, (slope * (u - x) - s1 * cube) % p, h * (z1 * z2 % p) % p)
