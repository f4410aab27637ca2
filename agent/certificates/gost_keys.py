"""GOST R 34.10-2012 keys as X.509 holds them (RFC 9215 section 4)."""

from __future__ import annotations

import functools
from typing import NamedTuple

from agent.certificates import der
from agent.gost.curves import PublicKey, public_key
from agent.gost.parameters import ParameterSet, parameter_set

# The key's algorithm -> key type, bytes of a coordinate, the one digest that goes with it.
_KINDS = {
    "1.2.643.7.1.1.1.1": ("gost256", 32, "1.2.643.7.1.1.2.2"),
    "1.2.643.7.1.1.1.2": ("gost512", 64, "1.2.643.7.1.1.2.3"),
}
TYPES = frozenset(key_type for key_type, _, _ in _KINDS.values())


class GostKey(NamedTuple):
    key_type: str  # "gost256" or "gost512"
    parameters: ParameterSet
    octets: bytes  # x and y, little-endian; not looked at yet


def read_key(info: bytes) -> GostKey | None:
    """The key of a SubjectPublicKeyInfo; None where it is another kind of key, or of unknown parameters.

    Raises ValueError where the structure is damaged.
    """
    algorithm, value = der.read(info).children()
    kind, *parameters = algorithm.children()
    known = _KINDS.get(der.dotted(kind))
    if known is None:
        return None
    key_type, size, digest = known
    if len(parameters) != 1 or parameters[0].tag != der.SEQUENCE:
        return None
    names = [der.dotted(one) for one in parameters[0].children()]
    found = parameter_set(names[0]) if names else None
    # digestParamSet may be there or not (RFC 9215 section 4.2 and certificates disagree); another digest may not.
    if found is None or found.curve.size != size or names[1:] not in ([], [digest]):
        return None
    return GostKey(key_type, found, _octets(value, size))


def _octets(value: der.Element, size: int) -> bytes:
    """The OCTET STRING inside the BIT STRING."""
    bits = value.contents
    inside = der.read(bits, 1)
    if value.tag != der.BIT_STRING or bits[:1] != b"\0" or inside.tag != der.OCTET_STRING or inside.end != len(bits):
        raise ValueError("public key")
    if len(inside.contents) != 2 * size:
        raise ValueError("length of a public key")
    return inside.contents


@functools.lru_cache(maxsize=32)
def load_key(info: bytes, key_type: str) -> PublicKey | None:
    """The point, checked; None where this is no usable key of that type."""
    try:
        key = read_key(info)
        return public_key(key.parameters.curve, key.octets) if key and key.key_type == key_type else None
    except ValueError:
        return None
