"""What agent and PDF worker say to each other: MessagePack, each message behind eight octets of length."""

from __future__ import annotations

import datetime
from typing import IO, Literal, TypeAlias

import msgspec

from agent.errors import Fact

_LENGTH = 8  # octets, big-endian


class Mark(msgspec.Struct, frozen=True):
    """A visible mark: points (1/72 inch) from the lower left corner of the page as it is shown."""

    x: float
    y: float
    width: float
    height: float
    page: int  # from 1; -1 is the last
    lines: tuple[str, ...]  # the first one is the heading


class Entries(msgspec.Struct, frozen=True):
    """What stands in the signature dictionary and around it."""

    moment: datetime.datetime  # aware; the claimed time of signing (M)
    reason: str | None = None
    location: str | None = None
    contact: str | None = None
    field: str | None = None  # an empty field that is there, or a new one; None: a new one
    mark: Mark | None = None


class Sign(msgspec.Struct, frozen=True, tag="sign"):
    """Add a revision with a signature dictionary whose Contents are zeros."""

    document: bytes
    room: int  # octets of DER that Contents can take
    entries: Entries


class AddMaterial(msgspec.Struct, frozen=True, tag="add_material"):
    """Add a revision with a document security store (EN 319 142-1 clause 5.4)."""

    document: bytes
    key: str  # of VRI: SHA-1 of the signature's Contents, upper-case hex
    moment: datetime.datetime
    certificates: tuple[bytes, ...]  # all DER
    ocsp: tuple[bytes, ...]
    crls: tuple[bytes, ...]


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Tell the signatures that are in a document."""

    document: bytes


class Revision(msgspec.Struct, frozen=True, tag="revision"):
    """The octets to be put behind the document."""

    addition: bytes
    contents: tuple[int, int] | None = None  # of the new file: offsets of `<` and behind `>` of Contents


After: TypeAlias = Literal["nothing", "material", "signatures", "form", "other"]


class Found(msgspec.Struct, frozen=True):
    """A signature in a document, as its dictionary has it. Nothing of it was verified."""

    field: str  # full name
    kind: str  # SubFilter
    byte_range: tuple[int, ...]
    contents: bytes
    revision: bool  # the range is a whole revision of the file, whose table of objects lies in it
    after: After  # the most that was changed in the revisions behind it; "other": what no signature allows, or unknown
    permission: int = 0  # P of DocMDP, 1 to 3; 0: it certifies nothing
    moment: datetime.datetime | None = None  # M, the signer's claim; aware
    reason: str | None = None
    location: str | None = None


class Signatures(msgspec.Struct, frozen=True, tag="signatures"):
    """In the order of their revisions; and what the document security store holds, all DER."""

    found: tuple[Found, ...]
    certificates: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    error: str
    facts: dict[str, Fact]


Change: TypeAlias = Sign | AddMaterial
Task: TypeAlias = Change | Read
Answer: TypeAlias = Revision | Signatures | Failure


def write(stream: IO[bytes], message: Task | Answer) -> None:
    octets = msgspec.msgpack.encode(message)
    stream.write(len(octets).to_bytes(_LENGTH, "big"))
    stream.write(octets)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the stream, also in the middle of a message."""
    header = stream.read(_LENGTH)
    if len(header) < _LENGTH:
        return None
    size = int.from_bytes(header, "big")
    octets = stream.read(size)
    return octets if len(octets) == size else None


def task(octets: bytes) -> Task:
    found: Task = msgspec.msgpack.decode(octets, type=Task)
    return found


def answer(octets: bytes) -> Answer:
    """Raises msgspec.MsgspecError."""
    found: Answer = msgspec.msgpack.decode(octets, type=Answer)
    return found
