"""What is on a token, as values: objects, their names, and what keys may be generated."""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.certificates import der
from agent.gost import parameters
from agent.model import TokenState

ObjectKind = Literal["certificate", "key", "data"]


class ObjectName(msgspec.Struct, frozen=True):
    """How an object is found again, also after its token moved to another slot: handles do not last.

    Two names are the same object where kind and id are equal, and the thumbprints too unless one is empty.
    """

    kind: ObjectKind
    id: str = ""  # CKA_ID in lower-case hex; empty where there is none
    thumbprint: str = ""  # SHA-256 in lower-case hex: of a certificate's DER; of a key's public value; of the
    # application and label of data. Empty where a key shows no public value.


class TokenObject(msgspec.Struct, frozen=True):
    """A certificate, a key (pair), or a data object. A public and a private key that belong together are one."""

    name: ObjectName
    label: str = ""
    key_type: str = ""  # "rsa", "ec", "gost256", "gost512"; empty where it is none of them, and for data
    parameters: str = ""  # "2048"; "P-256"; a key of PARAMETER_SETS; empty where the token does not tell
    private: bool | None = None  # CKA_PRIVATE, of the private key where there is one: only after login
    has_key: bool | None = None  # certificates: their private key is here; keys: the private half is; None: not known
    sensitive: bool | None = None  # CKA_SENSITIVE of a private key
    extractable: bool | None = None  # CKA_EXTRACTABLE of a private key
    authority: bool = False  # a certificate that the token calls an authority's
    application: str = ""  # CKA_APPLICATION of data
    der: bytes = b""  # of a certificate
    certificates: tuple[str, ...] = ()  # of a key: thumbprints of its certificates on this token


class TokenObjects(msgspec.Struct, frozen=True):
    token: TokenState
    objects: tuple[TokenObject, ...]  # certificates first, then keys, then data
    complete: bool  # whether a login let the private ones be seen too
    free_memory: int | None = None  # bytes for public objects; None where the token does not tell


class KeySpec(msgspec.Struct, frozen=True):
    """A key pair to be generated."""

    type: Literal["rsa", "ec", "gost256", "gost512"]
    parameters: str = ""  # rsa: "2048", "3072", "4096"; ec: see CURVES; gost: see PARAMETER_SETS. Empty: the
    # first of the type's in PARAMETERS
    label: str = ""
    id: str = ""  # CKA_ID in hex; empty: SHA-1 of the public key's value, as PKCS#11 suggests


# CKA_GOSTR3410_PARAMS: DER of the OIDs of parameter sets, by their names. Those of examples are not for keys.
PARAMETER_SETS: dict[str, dict[str, bytes]] = {
    key_type: {
        one.name: der.oid(one.oid) for one in parameters.PARAMETER_SETS if one.curve.size == size and not one.test
    }
    for key_type, size in (("gost256", 32), ("gost512", 64))
}

# CKA_EC_PARAMS: DER of the OIDs of curves
CURVES: dict[str, bytes] = {
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-384": bytes.fromhex("06052b81040022"),
    "P-521": bytes.fromhex("06052b81040023"),
}

# What `KeySpec.parameters` may be; the first of each row is taken where it is empty
PARAMETERS: dict[str, tuple[str, ...]] = {
    "rsa": ("2048", "3072", "4096"),
    "ec": tuple(CURVES),
    "gost256": tuple(PARAMETER_SETS["gost256"]),
    "gost512": tuple(PARAMETER_SETS["gost512"]),
}


def is_same(one: ObjectName, other: ObjectName) -> bool:
    """Whether both name the same object."""
    if (one.kind, one.id) != (other.kind, other.id):
        return False
    return not one.thumbprint or not other.thumbprint or one.thumbprint == other.thumbprint
