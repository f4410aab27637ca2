"""Certificates and keys of a session, read with as few calls as can be."""

from __future__ import annotations

import sys
from typing import Any

from agent.tokens import matching, pkcs11, public_key
from agent.tokens.matching import TokenKey
from agent.tokens.public_key import PublicKey

# Where a public key shows its value. Of private keys only RSA's show it; CKA_VALUE of those would be the secret itself.
VALUES = {"rsa": pkcs11.MODULUS, "ec": pkcs11.EC_POINT, "gost256": pkcs11.VALUE, "gost512": pkcs11.VALUE}
X509 = 0  # CKC_X_509
AUTHORITY = 2  # CK_CERTIFICATE_CATEGORY_AUTHORITY


def certificates_of(session: pkcs11.Session) -> list[tuple[bytes, PublicKey, bytes, bool]]:
    """DER, public key, CKA_ID, and whether the token calls it an authority's. What is no X.509 is left out."""
    wanted = (pkcs11.VALUE, pkcs11.ID, pkcs11.CERTIFICATE_TYPE, pkcs11.CERTIFICATE_CATEGORY)
    found = []
    for _, (der, identifier, kind, category) in session.find(pkcs11.CERTIFICATE, wanted):
        if not isinstance(der, bytes) or kind not in (X509, None):
            continue
        try:
            key = public_key.public_key(der)
        except (ValueError, IndexError):
            continue
        found.append((der, key, _bytes(identifier), is_authority(category)))
    return found


def is_authority(category: pkcs11.Attribute) -> bool:
    """Of CKA_CERTIFICATE_CATEGORY: a number, which the binding gives as the octets that it is in memory."""
    return category == AUTHORITY or (
        isinstance(category, bytes) and int.from_bytes(category, sys.byteorder) == AUTHORITY
    )


def identifier_of(session: pkcs11.Session, certificate: bytes) -> bytes:
    """CKA_ID of a certificate; empty where it has none. Reading the values of all is slow: the token compares."""
    for _, (identifier,) in session.find(pkcs11.CERTIFICATE, (pkcs11.ID,), (pkcs11.VALUE, certificate)):
        return _bytes(identifier)
    every = certificates_of(session)  # for modules that compare values wrongly
    return next((identifier for der, _, identifier, _ in every if der == certificate), b"")


def keys_of(session: pkcs11.Session, object_class: int, key_type: str) -> list[TokenKey]:
    """The keys of one type. Asking only for what such a key has spares a call for each attribute that it has not."""
    if key_type not in matching.CKK:
        return []
    private, kind = object_class == pkcs11.PRIVATE_KEY, matching.CKK[key_type]
    value = VALUES[key_type] if key_type == "rsa" or not private else None
    wanted = [pkcs11.ID, *([value] if value is not None else []), *([pkcs11.ALWAYS_AUTHENTICATE] if private else [])]
    return [
        _key(handle, key_type, dict(zip(wanted, values, strict=True)))
        for handle, values in session.find(object_class, wanted, (pkcs11.KEY_TYPE, kind))
    ]


def _key(handle: Any, key_type: str, read: dict[int, pkcs11.Attribute]) -> TokenKey:
    value = public_key.shown_value(key_type, _bytes(read.get(VALUES[key_type])))
    again, kind = bool(read.get(pkcs11.ALWAYS_AUTHENTICATE)), matching.CKK[key_type]
    return TokenKey(handle, _bytes(read[pkcs11.ID]), kind, value, again)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def private_key_of(session: pkcs11.Session, key: PublicKey, identifier: bytes) -> TokenKey | None:
    """The private key of a certificate with this key and this CKA_ID, among those that can be seen."""
    private = keys_of(session, pkcs11.PRIVATE_KEY, key.key_type)
    public = []
    if not all(one.value for one in private):
        public = keys_of(session, pkcs11.PUBLIC_KEY, key.key_type)
    return matching.find(key, identifier, private, public)
