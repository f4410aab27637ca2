"""RSASSA-PSS-params (RFC 4055 section 3.1): of a signature, and of a key that may sign with PSS alone."""

from __future__ import annotations

from typing import NamedTuple

from agent.algorithms import DIGESTS
from agent.certificates import der

KEY = SIGNATURE = "1.2.840.113549.1.1.10"  # id-RSASSA-PSS
_MGF1 = "1.2.840.113549.1.1.8"
_SHA1 = "1.3.14.3.2.26"  # the default of both digests
_NAMES = {digest.oid: digest for digest in DIGESTS if digest.name.startswith("sha")}


class Parameters(NamedTuple):
    digest: str  # dotted OID
    mask_digest: str  # dotted OID; of MGF1
    salt: int  # bytes


class Limits(NamedTuple):
    """What a key of id-RSASSA-PSS may be used for."""

    digest: str | None  # name in algorithms.DIGESTS; None: any


def read(parameters: der.Element) -> Parameters:
    """Raises ValueError, also for a mask that is not MGF1 and a trailer that is not the one there is."""
    digest, mask_digest, salt = _SHA1, _SHA1, 20
    if parameters.tag != der.SEQUENCE:
        raise ValueError("parameters of PSS")
    last = 0
    for field in parameters.children():
        (inside,) = field.children()
        if field.tag <= last:
            raise ValueError("parameters of PSS")
        last = field.tag
        if field.tag == 0xA0:
            digest = _algorithm(inside)[0]
        elif field.tag == 0xA1:
            mask, below = _algorithm(inside)
            if mask != _MGF1 or below is None:
                raise ValueError("mask of PSS")
            mask_digest = _algorithm(below)[0]
        elif inside.tag != der.INTEGER or (number := int.from_bytes(inside.contents, "big", signed=True)) < 0:
            raise ValueError("parameters of PSS")
        elif field.tag == 0xA2:
            salt = number
        elif field.tag != 0xA3 or number != 1:
            raise ValueError("trailer of PSS")
    return Parameters(digest, mask_digest, salt)


def _algorithm(element: der.Element) -> tuple[str, der.Element | None]:
    kind, *parameters = element.children()
    if element.tag != der.SEQUENCE or len(parameters) > 1:
        raise ValueError("algorithm")
    return der.dotted(kind), parameters[0] if parameters else None


def limits(info: bytes) -> Limits | None:
    """Of a SubjectPublicKeyInfo; None where the key is no id-RSASSA-PSS, or one whose limits we cannot keep to: a
    digest of ours, MGF1 with the same, and a salt that may be as long as the digest."""
    algorithm = next(der.read(info).children())
    kind, *parameters = algorithm.children()
    if der.dotted(kind) != KEY:
        return None
    if not parameters:
        return Limits(None)
    try:
        found = read(parameters[0])
    except ValueError:
        return None
    digest = _NAMES.get(found.digest)
    if digest is None or found.mask_digest != found.digest or found.salt > digest.size:
        return None
    return Limits(digest.name)
