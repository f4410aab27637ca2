"""Copies of private keys, recognised by their first octets. Pure but for the reading; nothing is opened or decrypted.

| kind | what it is |
|---|---|
| `pkcs12` | PKCS#12 (RFC 7292), under a passphrase that is not known here |
| `pem_encrypted` | a PEM file with a private key under a passphrase (RFC 7468 section 11, and OpenSSL's older form) |
| `pem_open` | a PEM file with a private key that everybody can read who can read the file |
| `cryptopro` | a folder of CryptoPro CSP: NAME.000 with header.key and primary.key |

Keys of SSH and PGP, and what has another name than these usually have, are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Kind = Literal["pkcs12", "pem_encrypted", "pem_open", "cryptopro"]
KINDS: tuple[Kind, ...] = ("pem_open", "pkcs12", "pem_encrypted", "cryptopro")  # the worst first

HEAD = 1 << 16  # octets of a file that are looked at; a key behind a chain of certificates is found too
PKCS12_NAMES = (".pfx", ".p12", ".pkcs12")
PEM_NAMES = (".pem", ".key", ".p8", ".pk8")
FOLDER_NAME = re.compile(r"[^.]{1,8}\.\d{3}")  # as names were in DOS, which CryptoPro keeps to
FOLDER_FILES = frozenset({"header.key", "primary.key"})

_SEQUENCE, _INDEFINITE = 0x30, 0x80
_VERSION_3 = b"\x02\x01\x03"
_DATA = bytes.fromhex("06092a864886f70d010701")  # id-data, or id-signedData for PFX with public-key integrity
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_KEY = re.compile(rb"-----BEGIN (?:RSA |EC |DSA )?PRIVATE KEY-----")
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")


def may_be(name: str) -> bool:
    """Whether a file of this name is worth being opened."""
    return name.lower().endswith((*PKCS12_NAMES, *PEM_NAMES))


def kind_of(name: str, head: bytes) -> Kind | None:
    """What a file is, by its name and its first octets."""
    if name.lower().endswith(PKCS12_NAMES):
        return "pkcs12" if _is_pfx(head) else None
    if _ENCRYPTED.search(head):
        return "pem_encrypted"
    return "pem_open" if _KEY.search(head) else None


def is_container(name: str, files: Iterable[str]) -> bool:
    """Whether a folder of this name, with files of these names in it, is one of CryptoPro's."""
    return FOLDER_NAME.fullmatch(name) is not None and FOLDER_FILES.issubset(file.lower() for file in files)


def _is_pfx(head: bytes) -> bool:
    """PFX ::= SEQUENCE { INTEGER 3, SEQUENCE { OBJECT IDENTIFIER data ... } }, with lengths of BER."""
    inner = _inside(head)
    if not inner.startswith(_VERSION_3):
        return False
    return _inside(inner[len(_VERSION_3) :]).startswith((_DATA, _SIGNED_DATA))


def _inside(octets: bytes) -> bytes:
    """Behind the identifier and length of a SEQUENCE; empty where there is none."""
    if len(octets) < 2 or octets[0] != _SEQUENCE:
        return b""
    long = octets[1] > _INDEFINITE
    return octets[2 + (octets[1] & 0x7F if long else 0) :]
