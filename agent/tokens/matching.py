"""Which key belongs to which certificate: by public key where the token shows it, else by CKA_ID."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.tokens.public_key import PublicKey

# CKK_RSA, CKK_EC, CKK_GOSTR3410 and, of TC26's range for vendors, CKK_GOSTR3410_512
CKK: dict[str, int] = {"rsa": 0x00, "ec": 0x03, "gost256": 0x30, "gost512": 0xD4321003}


class TokenKey(NamedTuple):
    """A key object, public or private, as far as its attributes can be read."""

    handle: Any
    identifier: bytes  # CKA_ID, may be empty
    key_type: int  # CKK_...
    value: bytes  # modulus without leading zeros, point, or GOST octets; empty where it is not shown
    always_authenticate: bool = False


def matches(certificate: PublicKey, identifier: bytes, key: TokenKey) -> bool:
    """Whether a key is the certificate's. Its value decides; its CKA_ID only where the token shows no value."""
    if key.key_type != CKK.get(certificate.key_type):
        return False
    if key.value and certificate.value:
        return key.value == certificate.value
    return bool(identifier) and key.identifier == identifier


def has_key(
    certificate: PublicKey, identifier: bytes, private: Sequence[TokenKey], public: Sequence[TokenKey]
) -> bool | None:
    """What can be said before a login: private keys may be hidden until then, public ones are a promise of theirs."""
    if find(certificate, identifier, private, public) or any(matches(certificate, identifier, key) for key in public):
        return True
    return False if private else None


def find(
    certificate: PublicKey, identifier: bytes, private: Sequence[TokenKey], public: Sequence[TokenKey]
) -> TokenKey | None:
    """The private key of a certificate. A public key whose value is the certificate's lends its CKA_ID."""
    for key in private:
        if key.value and matches(certificate, identifier, key):
            return key
    twins = [key for key in public if key.value and key.identifier and matches(certificate, identifier, key)]
    strangers = {key.identifier for key in public if key.value and not matches(certificate, identifier, key)}
    for twin in twins:
        for key in private:
            if not key.value and matches(certificate, twin.identifier, key):
                return key
    for key in private:
        if key.identifier not in strangers and matches(certificate, identifier, key):
            return key
    return None
