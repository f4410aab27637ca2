"""Values that more than one layer speaks of. Frozen; each field says its unit or encoding."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class TokenState(msgspec.Struct, frozen=True):
    """What a token tells without a login (CK_TOKEN_INFO, PKCS#11 v2.40 section 3.2), or a key file says of itself."""

    label: str
    serial: str
    manufacturer: str
    model: str
    module: str  # path of the PKCS#11 module; KEY_FILES for key files
    slot: int | None = None  # CK_SLOT_ID
    pin_count_low: bool = False
    pin_final_try: bool = False
    pin_locked: bool = False
    pin_to_be_changed: bool = False
    pin_initialized: bool = True
    protected_path: bool = False  # the PIN is typed on the reader
    reader: str = ""  # slotDescription (CK_SLOT_INFO); a PC/SC reader's name where the token is in one
    foreign_container: str = ""  # the product whose container holds the key, where PKCS#11 shows none; a name
    so_pin_final_try: bool = False
    so_pin_locked: bool = False
    gost_unsupported: bool = False  # a certificate with a GOST key is there, and no mechanism to sign with such a key


KEY_FILES = "keyfiles"  # stands for a module path where the place is the folder of key files


class CertificateEntry(msgspec.Struct, frozen=True):
    """A certificate and the place where it lies."""

    thumbprint: str  # SHA-256 of the DER, lower-case hex
    der: bytes
    token: TokenState
    has_key: bool | None  # None: the token does not tell before login
    chain: tuple[bytes, ...] = ()  # DER of other certificates found at the same place


class ModuleFault(msgspec.Struct, frozen=True):
    """A module that could not be listed, as a row and not as an exception."""

    module: str
    error: str  # name of an error of ``errors``
    facts: dict[str, str | int | bool | None] = {}


class Listing(msgspec.Struct, frozen=True):
    """Everything found on all modules at one moment."""

    certificates: tuple[CertificateEntry, ...]
    tokens: tuple[TokenState, ...]
    faults: tuple[ModuleFault, ...]
    issuers: tuple[bytes, ...] = ()  # DER, of those that Pero keeps of its own


def unwatched() -> None:
    """Of content that lies in no file."""


class Document(msgspec.Struct, frozen=True):
    """What is to be signed, with its content."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"
    unchanged: Callable[[], None] = (
        unwatched  # raises FileChanged where its file has other content by now; asks the disk
    )


class Digest(msgspec.Struct, frozen=True):
    """What is to be signed, where only its digest is known."""

    name: str
    algorithm: str  # name in algorithms.DIGESTS
    value: bytes
    size: int | None = None  # bytes of the content, where known
    others: tuple[
        tuple[str, bytes], ...
    ] = ()  # algorithm, value: of the same content, for keys that sign no `algorithm`


class Streamed(Digest, frozen=True):
    """A document that is too large to be held: its content was read once, piece by piece, by ourselves."""

    beginning: bytes = b""  # of its content, as much as a preview shows
    media_type: str = "application/octet-stream"
    unchanged: Callable[[], None] = unwatched  # as a Document's
