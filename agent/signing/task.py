"""One signature, once the person agreed: all that a format needs."""

from __future__ import annotations

from datetime import datetime

import msgspec

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import Description
from agent.cms.attributes import DATA
from agent.errors import BadParameters
from agent.model import Digest, Document
from agent.signing.options import SignatureOptions


class Task(msgspec.Struct, frozen=True):
    document: Document | Digest
    content_digest: bytes  # of the document's octets, with the digest of `algorithm`
    attached: bool
    options: SignatureOptions
    certificate: Description
    chain: tuple[bytes, ...]  # DER
    algorithm: SignatureAlgorithm
    moment: datetime  # UTC
    token: str  # label, for errors
    language: str  # of what is written for people
    content_type: str = DATA  # of CMS; dotted

    @property
    def content(self) -> bytes | None:
        """The document's octets; None where only its digest is known."""
        return self.document.content if isinstance(self.document, Document) else None


def whole(document: Document | Digest) -> bytes:
    """The document's octets; `options.check` refuses a bare digest where they are needed."""
    if not isinstance(document, Document):
        raise BadParameters(detail="the document is needed, and not its digest")
    return document.content
