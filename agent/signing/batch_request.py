"""What is asked of a batch, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.errors import PeroError
from agent.model import Digest, Document
from agent.signing.filters import Filter
from agent.signing.options import SignatureOptions
from agent.signing.request import SignRequest, SignResult

MAX_DOCUMENTS = 2000  # of one batch: the window is told all of them in one message


class Unread(msgspec.Struct, frozen=True):
    """A document that could not even be read."""

    name: str
    error: PeroError


class BatchRequest(msgspec.Struct, frozen=True):
    """Many documents, all signed alike; fields as of SignRequest."""

    origin: str
    documents: tuple[Document | Digest | Unread, ...]
    attached: bool = False
    certificate: str | None = None
    filter: Filter = Filter()
    digest_algorithm: str | None = None
    options: SignatureOptions = SignatureOptions()
    language: str = "en"

    def one(self, document: Document | Digest) -> SignRequest:
        return SignRequest(
            origin=self.origin,
            document=document,
            attached=self.attached,
            certificate=self.certificate,
            filter=self.filter,
            digest_algorithm=None if isinstance(document, Digest) else self.digest_algorithm,
            options=self.options,
            language=self.language,
        )


Deliver = Callable[[int, SignResult | PeroError], None]  # number of the document; once for each
