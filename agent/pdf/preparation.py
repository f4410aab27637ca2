"""A PDF is prepared, signed elsewhere, and completed: PAdES B-B, B-T, B-LT (ETSI EN 319 142-1).

The range of octets that is digested is fixed before the token is asked, so room for the signature, its certificates and
a time-stamp is reserved in advance. The document itself is never changed: what is added stands behind it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates.description import Description
from agent.cms.formats import Completed, Material, Prepared
from agent.cms.prepare import CompletedCms, PreparedCms
from agent.errors import BadParameters, SignatureWrong, TimestampWrong
from agent.pdf import messages
from agent.pdf.content import prepare_content
from agent.pdf.marking import lines
from agent.pdf.process import Performer, once

TIMESTAMP_ROOM = 16 << 10  # bytes; a token with its certificates mostly takes 2 to 8 KiB
_SPARE = 1 << 10  # bytes
_LARGEST_SIGNATURE = 1 << 10  # bytes: RSA-8192


class Visible(msgspec.Struct, frozen=True):
    """Where on a page the signature is seen; points (1/72 inch) from the lower left corner of the page as shown."""

    x: float
    y: float
    width: float
    height: float
    page: int = 1  # from 1; -1 is the last
    text: str | None = None  # lines; None: what GOST R 7.0.97-2016 section 5.23 wants


class PdfOptions(msgspec.Struct, frozen=True):
    """What a signer may say beside the signature. In an empty field that has a place, the mark takes that place."""

    visible: Visible | None = None
    reason: str | None = None
    location: str | None = None
    contact: str | None = None
    field: str | None = None  # name of an empty field that is there, or of a new one; None: a new one
    language: str = "ru"  # of the mark


def prepare(
    document: bytes,
    *,
    certificate: Description,
    chain: Sequence[bytes],
    algorithm: SignatureAlgorithm,
    moment: datetime,
    options: PdfOptions,
    timestamp: bool = False,
    perform: Performer = once,
) -> Prepared:
    """`chain` is DER, `moment` aware; `timestamp`: room is wanted for a time-stamp (levels T and LT).

    Blocks for the worker's half second or more. Raises DocumentDamaged, DocumentEncrypted, DocumentLocked,
    DocumentTooComplex, FormUnsupported, FieldUnusable, FontAbsent, BadParameters (a page or place that is not there).
    """
    if moment.tzinfo is None:
        raise ValueError("naive datetime")
    room = len(certificate.der) + sum(map(len, chain)) + _LARGEST_SIGNATURE + _SPARE
    task = messages.Sign(
        document, room + (TIMESTAMP_ROOM if timestamp else 0), _entries(options, certificate, moment.astimezone(UTC))
    )
    revision = perform(task)
    if revision.contents is None:
        raise ValueError("no signature in the revision")
    place = Place(document + revision.addition, *revision.contents)
    digest = new_digest(algorithm.digest.name)
    for piece in place.covered():
        digest.update(piece)
    cms = prepare_content(digest.digest(), certificate, chain, algorithm)
    return _Prepared(place, cms, moment, perform)


def look(document: bytes, options: PdfOptions, *, perform: Performer = once) -> None:
    """Raise what `prepare` would raise of this document, before anybody is asked for a certificate. Blocks likewise."""
    perform(messages.Sign(document, _SPARE, _entries(options, None, datetime.now(UTC))))


def _entries(options: PdfOptions, certificate: Description | None, moment: datetime) -> messages.Entries:
    place = options.visible
    mark = None
    if place:
        if place.width <= 0 or place.height <= 0:
            raise BadParameters(detail="the place of the mark has no extent")
        mark = messages.Mark(
            place.x, place.y, place.width, place.height, place.page, lines(place.text, certificate, options.language)
        )
    return messages.Entries(moment, options.reason, options.location, options.contact, options.field, mark)


class NoRoom(Exception):
    """The signature is larger than the room that was reserved for it."""


class Place:
    """A file with room for a signature: from `start` (the `<` of Contents) to `end` (behind its `>`)."""

    def __init__(self, file: bytes, start: int, end: int) -> None:
        self.file, self.start, self.end = file, start, end

    def covered(self) -> tuple[memoryview, memoryview]:
        view = memoryview(self.file)
        return view[: self.start], view[self.end :]

    def contents(self, signature: bytes) -> bytes:
        """The octets that Contents is made of. Raises NoRoom."""
        room = (self.end - self.start - 2) // 2
        if len(signature) > room:
            raise NoRoom
        return signature.ljust(room, b"\0")

    def filled(self, contents: bytes) -> bytes:
        """The file with these Contents."""
        before, after = self.covered()
        return b"".join((before, b"<", contents.hex().encode(), b">", after))


class _Prepared:
    def __init__(self, place: Place, cms: PreparedCms, moment: datetime, perform: Performer) -> None:
        self._place, self._cms, self._moment, self._perform = place, cms, moment, perform

    @property
    def signed(self) -> bytes:
        return self._cms.signed

    def complete(self, signature: bytes) -> Completed:
        """Raises SignatureWrong where no token's signature is so large."""
        try:
            return _Completed(self._place, self._cms.complete(signature), self._moment, self._perform)
        except NoRoom as error:
            raise SignatureWrong(token="") from error


class _Completed:
    """Level B, or T."""

    def __init__(self, place: Place, cms: CompletedCms, moment: datetime, perform: Performer) -> None:
        self._place, self._cms, self._moment, self._perform = place, cms, moment, perform
        self._contents = place.contents(cms.value)

    @functools.cached_property
    def value(self) -> bytes:
        return self._place.filled(self._contents)

    @property
    def stamped(self) -> bytes:
        return self._cms.stamped

    def with_timestamp(self, token: bytes) -> Completed:
        """Raises TimestampWrong where the token is larger than the room for it."""
        try:
            return _Completed(self._place, self._cms.with_timestamp(token), self._moment, self._perform)
        except NoRoom as error:
            raise TimestampWrong(tried="pdf=too_large", possible_level="b") from error

    def with_material(self, material: Material) -> Completed:
        """In a revision behind the signature. Blocks for the worker."""
        key = hashlib.sha1(self._contents, usedforsecurity=False).hexdigest().upper()
        task = messages.AddMaterial(self.value, key, self._moment, material.certificates, material.ocsp, material.crls)
        return _Kept(self.value + self._perform(task).addition, self.stamped)


class _Kept:
    """With material: nothing is put into the signature any more."""

    def __init__(self, value: bytes, stamped: bytes) -> None:
        self._value, self._stamped = value, stamped

    @property
    def value(self) -> bytes:
        return self._value

    @property
    def stamped(self) -> bytes:
        return self._stamped

    def with_timestamp(self, token: bytes) -> Completed:
        raise BadParameters(detail="the time-stamp comes before the material")

    def with_material(self, material: Material) -> Completed:
        raise BadParameters(detail="the material is there")
