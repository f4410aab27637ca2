"""What is asked of the signing procedure, and what it gives."""

from __future__ import annotations

import msgspec

from agent.algorithms import DigestAlgorithm, digest_named
from agent.cms.attributes import DATA
from agent.model import Digest, Document
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate
from agent.signing.options import SignatureOptions


class SignRequest(msgspec.Struct, frozen=True):
    """What is asked. Origin "" is the command line of this machine."""

    origin: str
    document: Document | Digest
    attached: bool = False
    certificate: str | None = None  # thumbprint; None: the person chooses
    filter: Filter = Filter()
    digest_algorithm: str | None = None  # None: as the key wants it
    options: SignatureOptions = SignatureOptions()
    language: str = "en"
    content_type: str = DATA  # of CMS; `sign_in.CONTENT_TYPE` where the document is the content of a sign-in
    audience: str = ""  # of a sign-in: the address that is signed in to

    @property
    def digests(self) -> tuple[DigestAlgorithm, ...]:
        """The digests asked for; empty: as the key wants it. Several: the first that the key signs.

        Raises AlgorithmUnsupported.
        """
        if isinstance(self.document, Digest):
            names = (self.document.algorithm, *(name for name, _ in self.document.others))
            return tuple(digest_named(name) for name in names)
        return (digest_named(self.digest_algorithm),) if self.digest_algorithm is not None else ()


class SignResult(msgspec.Struct, frozen=True):
    signature: bytes  # what leaves: DER of a ContentInfo, or a text of it; a PDF; an XML document
    detached: bool
    options: SignatureOptions  # as they were fulfilled: the level is the one that was reached
    media_type: str
    candidate: Candidate
    chain: tuple[bytes, ...]  # DER
