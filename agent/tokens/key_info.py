"""SubjectPublicKeyInfo out of the attributes of keys on a token."""

from __future__ import annotations

from agent.certificates import der
from agent.tokens.inventory import PARAMETER_SETS
from agent.tokens.objects import Half

_RSA, _EC = der.oid("1.2.840.113549.1.1.1"), der.oid("1.2.840.10045.2.1")
_GOST = {  # the key's algorithm, the digest's, by type (RFC 9215 section 4)
    "gost256": (der.oid("1.2.643.7.1.1.1.1"), der.oid("1.2.643.7.1.1.2.2")),
    "gost512": (der.oid("1.2.643.7.1.1.1.2"), der.oid("1.2.643.7.1.1.2.3")),
}
_F4 = bytes.fromhex("010001")


def key_info(key_type: str, public: Half) -> bytes:
    """DER, empty where the token does not show enough. The digest stands beside CryptoPro's parameter sets, and beside
    no other (RFC 9215 section 4.2)."""
    if not public.value or not (public.parameters or key_type == "rsa"):
        return b""
    if key_type == "rsa":
        exponent = int.from_bytes(public.exponent or _F4, "big")
        key = der.sequence(der.integer(int.from_bytes(public.value, "big")), der.integer(exponent))
        return _info(der.sequence(_RSA, der.NULL), key)
    if key_type == "ec":
        return _info(der.sequence(_EC, public.parameters), public.value)
    kind, digest = _GOST[key_type]
    names = [name for name, encoded in PARAMETER_SETS[key_type].items() if encoded == public.parameters]
    beside = (digest,) if names and names[0].startswith("CryptoPro") else ()
    algorithm = der.sequence(kind, der.sequence(public.parameters, *beside))
    return _info(algorithm, der.tlv(der.OCTET_STRING, public.value))


def _info(algorithm: bytes, key: bytes) -> bytes:
    return der.sequence(algorithm, der.tlv(der.BIT_STRING, b"\0" + key))
