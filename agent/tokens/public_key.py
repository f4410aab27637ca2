"""The public key of a certificate, read with as little as a worker needs: no library, so that workers start quickly.

Reads X.509 (RFC 5280 section 4.1) as far as subjectPublicKeyInfo and checks nothing.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from agent.certificates import der

_RSA = (bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a"))  # rsaEncryption, id-RSASSA-PSS
_EC = bytes.fromhex("2a8648ce3d0201")  # id-ecPublicKey
_GOST = {  # GOST R 34.10-2012, RFC 9215 section 4: key type, bytes of x and y together
    bytes.fromhex("2a85030701010101"): ("gost256", 64),
    bytes.fromhex("2a85030701010102"): ("gost512", 128),
}
_BARE = {"ec": (65, 97, 133), "gost256": (64,), "gost512": (128,)}  # bytes of a value on its own: P-256, P-384, P-521
_CURVES = {  # secp256r1, secp384r1, secp521r1
    bytes.fromhex("2a8648ce3d030107"): 32, bytes.fromhex("2b81040022"): 48, bytes.fromhex("2b81040023"): 66,
}  # fmt: skip

_INTEGER, _BIT_STRING, _OCTET_STRING, _SEQUENCE, _VERSION = 0x02, 0x03, 0x04, 0x30, 0xA0


class PublicKey(NamedTuple):
    key_type: str  # "rsa", "ec", "gost256", "gost512" or "" for another
    value: bytes  # RSA: modulus without leading zeros; EC: the point, uncompressed; GOST: x and y, little-endian
    field_size: int = 0  # bytes of an EC curve's order, 0 for other keys and for a curve that is not supported


class _Element(NamedTuple):
    tag: int
    content: bytes


@functools.lru_cache(maxsize=64)
def public_key(certificate: bytes) -> PublicKey:
    """The key in a DER certificate. Raises ValueError where this is none."""
    return _key(_info(certificate))


def key_of(info: bytes) -> PublicKey:
    """The key in the DER of a SubjectPublicKeyInfo. Raises ValueError."""
    return _key(_first(_elements(info), _SEQUENCE))


def _key(info: bytes) -> PublicKey:
    algorithm, key = _elements(info)[:2]
    names = _elements(algorithm.content)
    if key.tag != _BIT_STRING or not key.content:
        raise ValueError("no public key")
    bits = key.content[1:]
    if names[0].content in _RSA:
        return PublicKey("rsa", _first(_elements(_first(_elements(bits), _SEQUENCE)), _INTEGER).lstrip(b"\0"))
    if names[0].content == _EC and len(names) > 1:
        return PublicKey("ec", bits, _CURVES.get(names[1].content, 0))
    if names[0].content in _GOST:
        key_type, size = _GOST[names[0].content]
        octets = _first(_elements(bits), _OCTET_STRING)
        return PublicKey(key_type, octets) if len(octets) == size else PublicKey("", b"")
    return PublicKey("", b"")


def info_of(certificate: bytes) -> bytes:
    """DER of SubjectPublicKeyInfo. Raises ValueError."""
    return der.sequence(_info(certificate))


def _info(certificate: bytes) -> bytes:
    """What is in the SubjectPublicKeyInfo."""
    tbs = _elements(_elements(_first(_elements(certificate), _SEQUENCE))[0].content)
    fields = tbs[1:] if tbs and tbs[0].tag == _VERSION else tbs
    if len(fields) < 6 or fields[5].tag != _SEQUENCE:  # serial, signature, issuer, validity, subject, key
        raise ValueError("no subjectPublicKeyInfo")
    return fields[5].content


def shown_value(key_type: str, attribute: bytes) -> bytes:
    """`PublicKey.value` out of the attribute that holds it: CKA_MODULUS, CKA_EC_POINT, or CKA_VALUE of a GOST key."""
    if key_type == "rsa":
        return attribute.lstrip(b"\0")
    return attribute if len(attribute) in _BARE[key_type] else _unwrapped(attribute)  # by chance both look alike


def _unwrapped(attribute: bytes) -> bytes:
    """What is in a DER OCTET STRING: PKCS#11 v2.40 has points in one and GOST octets in none; modules do both."""
    try:
        elements = _elements(attribute)
    except ValueError:
        return attribute
    return elements[0].content if len(elements) == 1 and elements[0].tag == _OCTET_STRING else attribute


def _first(elements: list[_Element], tag: int) -> bytes:
    if not elements or elements[0].tag != tag:
        raise ValueError(f"no element with the tag {tag:#x}")
    return elements[0].content


def _elements(data: bytes) -> list[_Element]:
    """The elements that stand one after another. Raises ValueError."""
    elements, position = [], 0
    while position < len(data):
        if position + 2 > len(data):
            raise ValueError("cut off")
        tag, size = data[position], data[position + 1]
        position += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[position : position + count], "big")
            position += count
        if not 0 <= size <= len(data) - position:
            raise ValueError("cut off")
        elements.append(_Element(tag, data[position : position + size]))
        position += size
    if not elements:
        raise ValueError("empty")
    return elements
