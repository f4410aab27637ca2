"""FORMATS: how a signature of each format is prepared, and checked before it leaves. One row is one format.

A row's functions are pure and may take long: the procedure runs them aside where the content is large.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import Description
from agent.cms.attributes import signed_attributes
from agent.cms.formats import Completed, Material, Prepared
from agent.cms.signed_data import signed_data
from agent.errors import BadParameters
from agent.model import Digest, Document
from agent.signing.options import SignatureOptions
from agent.verification.own import verify_own


class Task(msgspec.Struct, frozen=True):
    """One signature, once the person agreed: all that a format needs."""

    document: Document | Digest
    content_digest: bytes  # of the document's octets, with the digest of `algorithm`
    attached: bool
    options: SignatureOptions
    certificate: Description
    chain: tuple[bytes, ...]  # DER
    algorithm: SignatureAlgorithm
    moment: datetime  # UTC
    token: str  # label, for errors

    @property
    def content(self) -> bytes | None:
        """The document's octets; None where only its digest is known."""
        return self.document.content if isinstance(self.document, Document) else None


class Format(NamedTuple):
    """`look` refuses, with a typed error, what can never be signed so: it runs before anybody is asked anything."""

    name: str
    media_type: Callable[[bool], str]  # of what leaves; whether it is attached
    is_detached: Callable[[SignatureOptions, bool], bool]
    look: Callable[[Document | Digest, SignatureOptions], None]
    prepare: Callable[[Task], Prepared]
    verify: Callable[[Task, bytes], None]  # raises SignatureWrong


def _anything(_document: Document | Digest, _options: SignatureOptions) -> None:
    return None


# CMS


class _CmsPrepared:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._attributes = signed_attributes(task.content_digest, task.certificate, task.moment)

    @property
    def signed(self) -> bytes:
        return self._attributes

    def complete(self, signature: bytes) -> Completed:
        task = self._task
        value = signed_data(
            attributes=self._attributes,
            signature=signature,
            algorithm=task.algorithm,
            certificate=task.certificate,
            chain=task.chain,
            content=task.content if task.attached else None,
        )
        return _CmsCompleted(value, signature)


class _CmsCompleted:
    def __init__(self, value: bytes, signature: bytes) -> None:
        self._value = value
        self._signature = signature

    @property
    def value(self) -> bytes:
        return self._value

    @property
    def stamped(self) -> bytes:
        return self._signature

    def with_timestamp(self, token: bytes) -> Completed:
        raise BadParameters(detail="cades has no level t")

    def with_material(self, material: Material) -> Completed:
        raise BadParameters(detail="cades has no level lt")


def _verify_cms(task: Task, value: bytes) -> None:
    verify_own(value, task.content_digest, task.certificate, task.token)


def _cms_type(attached: bool) -> str:
    """RFC 8551 section 3.2.1."""
    return "application/pkcs7-mime" if attached else "application/pkcs7-signature"


def _cms_detached(_options: SignatureOptions, attached: bool) -> bool:
    return not attached


FORMATS: tuple[Format, ...] = (Format("cades", _cms_type, _cms_detached, _anything, _CmsPrepared, _verify_cms),)


def format_named(name: str) -> Format:
    """Raises BadParameters."""
    for row in FORMATS:
        if row.name == name:
            return row
    raise BadParameters(detail=f"unknown format: {name}")


# encodings of CMS

_LINE = 64  # characters (RFC 7468 section 2)


def encoded(value: bytes, encoding: str) -> bytes:
    """DER as the request wants it; texts are ASCII, and end in a line feed where they have lines."""
    if encoding == "der":
        return value
    text = base64.b64encode(value)
    if encoding == "base64":
        return text
    lines = b"\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE)) + b"\n"
    return b"-----BEGIN CMS-----\n" + lines + b"-----END CMS-----\n" if encoding == "pem" else lines
