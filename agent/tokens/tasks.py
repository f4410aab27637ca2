"""What the pool asks of a worker besides listing and signing. Each is the `task` of one `messages.Manage`."""

from __future__ import annotations

import msgspec

from agent.certificates.request import RequestedExtensions, Subject
from agent.tokens.inventory import KeySpec, ObjectName


class ReadObjects(msgspec.Struct, frozen=True, tag=True):
    pass


class ChangePin(msgspec.Struct, frozen=True, tag=True):
    pass


class Unblock(msgspec.Struct, frozen=True, tag=True):
    first: bool = False  # the user PIN was never set


class Generate(msgspec.Struct, frozen=True, tag=True):
    spec: KeySpec
    first: str = ""  # CKA_ID, hex, random, that a key without an id of its own has until there is one


class MakeRequest(msgspec.Struct, frozen=True, tag=True):
    key: ObjectName
    subject: Subject
    extensions: RequestedExtensions
    digest_order: str = ""  # as in messages.Sign


class WriteCertificate(msgspec.Struct, frozen=True, tag=True):
    der: bytes
    label: str
    authority: bool
    chain: tuple[bytes, ...] = ()  # DER of what came with it; a key file keeps the issuers among them


class ImportKeyFile(msgspec.Struct, frozen=True, tag=True):
    content: bytes
    name: str  # of the file, without folders


class Rename(msgspec.Struct, frozen=True, tag=True):
    name: ObjectName
    label: str


class Delete(msgspec.Struct, frozen=True, tag=True):
    names: tuple[ObjectName, ...]


Task = ReadObjects | ChangePin | Unblock | Generate | MakeRequest | WriteCertificate | ImportKeyFile | Rename | Delete

SLOW = (Generate, ImportKeyFile)  # may take minutes on a card
