"""Each document of a batch is looked at before anybody is asked: whether it can be signed, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from agent.algorithms import digest_named
from agent.consent.prompter import BatchDocument, ShownDocument
from agent.errors import AlgorithmUnsupported, BadParameters, Fact, PeroError
from agent.model import Digest, Document, Streamed
from agent.signing.batch_request import BatchRequest, Unread
from agent.signing.choosing import checked
from agent.signing.making import Format, for_many, format_named
from agent.signing.preview import shown
from agent.signing.request import SignRequest
from agent.texts.errors import error_text

_ANY = 1000  # digests: of a document that is there any can be made
_MAX_PROBLEM = 300  # characters of a reason: those of all stand in one message to the window


class Looked(NamedTuple):
    """A document that can be signed, as far as it can be known before."""

    request: SignRequest


async def look(request: BatchRequest) -> list[Looked | PeroError]:
    async with for_many(format_named(request.options.format)) as form:
        return [await _look(request, document, form) for document in request.documents]


async def _look(request: BatchRequest, document: Document | Digest | Unread, form: Format) -> Looked | PeroError:
    if isinstance(document, Unread):
        return document.error
    one = request.one(document)
    try:
        await checked(one, form)
    except PeroError as error:
        return error
    return Looked(one)


def narrowest(looked: Sequence[Looked | PeroError]) -> SignRequest | None:
    """The request that leaves the fewest digests to choose from: what signs it signs all. None where none can be."""
    requests = [one.request for one in looked if isinstance(one, Looked)]
    return min(requests, key=lambda one: len(one.digests) or _ANY, default=None)


def with_digest(request: SignRequest, algorithm: str) -> SignRequest:
    """For the digest that the whole batch is signed with. Raises AlgorithmUnsupported where it was not made of a
    document: that would have taken minutes."""
    if isinstance(request.document, Document):
        return msgspec.structs.replace(request, digest_algorithm=algorithm)
    if digest_named(algorithm) not in request.digests:
        raise AlgorithmUnsupported(algorithm=algorithm)
    return request


def check_digests(request: BatchRequest) -> None:
    """One key signs all of them, with one digest. Raises BadParameters."""
    bare = [one for one in request.documents if isinstance(one, Digest) and not isinstance(one, Streamed)]
    names = {document.algorithm for document in bare}
    whole = any(isinstance(document, Document | Streamed) for document in request.documents)
    if len(names) > 1 or (names and whole and request.digest_algorithm not in names):
        raise BadParameters(detail="the digests of a batch are all made by one algorithm, which is digest_algorithm")


def without_preview(document: Document | Digest | Unread) -> ShownDocument | Unread:
    if isinstance(document, Unread):
        return document
    return msgspec.structs.replace(shown(document), preview=None)


def facts(one: ShownDocument | Unread) -> dict[str, Fact]:
    """For the journal."""
    if isinstance(one, Unread):
        return {"document": one.name}
    return {"document": one.name, "size": one.size, "digest": f"{one.digest_algorithm}:{one.digest}"}


def row(one: ShownDocument | Unread, looked: Looked | PeroError, language: str) -> BatchDocument:
    """For the list in the window."""
    problem = error_text(looked.name, language, looked.facts) if isinstance(looked, PeroError) else ""
    if len(problem) > _MAX_PROBLEM:
        problem = problem[:_MAX_PROBLEM] + "…"
    if isinstance(one, Unread):
        return BatchDocument(one.name, None, "", "", problem)
    return BatchDocument(one.name, one.size, one.digest_algorithm, one.digest, problem)
