"""Steps 5 to 8 of the procedure: prepare, sign, build, check. What came of the person is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates.chain import chain_for
from agent.certificates.description import Description, signing_algorithm
from agent.cms.encodings import encoded
from agent.model import Digest, Document, Listing, Streamed, unwatched
from agent.signing.fitting import Candidate
from agent.signing.levels import Levels, check_certificate
from agent.signing.making import Format
from agent.signing.request import SignRequest, SignResult
from agent.signing.task import Task

LARGE = 1 << 20  # bytes; SHA-256 takes a millisecond for so many, Streebog ten
Result = TypeVar("Result")
SignDigest = Callable[[SignatureAlgorithm, bytes, bytes], Awaitable[bytes]]  # a digest, and what it is of


async def make(
    request: SignRequest,
    form: Format,
    chosen: Candidate,
    listing: Listing,
    moment: datetime,
    sign: SignDigest,
    levels: Levels,
) -> SignResult:
    """`sign` has the digest signed by the chosen key: the PIN is used there, and nothing that could be known before
    fails after it. Raises the errors of each step."""
    task = await _task(request, chosen, listing, moment)
    check_certificate(request.options, task.certificate)
    slow = form.slow or is_large(request)
    prepared = await aside(slow, lambda: form.prepare(task))  # 5
    digest = new_digest(task.algorithm.digest.name, prepared.signed).digest()
    signature = await sign(task.algorithm, digest, prepared.signed)  # 6
    completed = await aside(slow, lambda: prepared.complete(signature))  # 7
    completed, level = await levels.raised(
        completed, request.options, task.certificate, task.chain, task.algorithm.digest.name
    )
    await aside(slow, lambda: form.verify(task, completed, level))  # 8
    if isinstance(request.document, Document | Streamed) and request.document.unchanged is not unwatched:
        await asyncio.to_thread(request.document.unchanged)
    detached = form.is_detached(request.options, request.attached)
    return SignResult(
        signature=encoded(completed.value, request.options.encoding),
        detached=detached,
        options=msgspec.structs.replace(request.options, level=level),
        media_type=form.media_type(detached),
        candidate=chosen,
        chain=task.chain,
    )


async def _task(request: SignRequest, chosen: Candidate, listing: Listing, moment: datetime) -> Task:
    description = chosen.description
    algorithm = _algorithm(request, description)
    return Task(
        document=request.document,
        content_digest=await _content_digest(request, algorithm),
        attached=request.attached,
        options=request.options,
        certificate=description,
        chain=chain_for(description.der, (*chosen.entry.chain, *(other.der for other in listing.certificates))),
        algorithm=algorithm,
        moment=moment,
        token=chosen.entry.token.label,
        language=request.language,
        content_type=request.content_type,
    )


def _algorithm(request: SignRequest, description: Description) -> SignatureAlgorithm:
    return signing_algorithm(description, request.digests, request.options.padding)


async def _content_digest(request: SignRequest, algorithm: SignatureAlgorithm) -> bytes:
    document = request.document
    if isinstance(document, Digest):
        return {document.algorithm: document.value, **dict(document.others)}[algorithm.digest.name]
    content = document.content
    return await aside(is_large(request), lambda: new_digest(algorithm.digest.name, content).digest())


def is_large(request: SignRequest) -> bool:
    content = request.document.content if isinstance(request.document, Document) else b""
    return max(len(content), len(request.options.existing or b"")) > LARGE


async def aside(slow: bool, work: Callable[[], Result]) -> Result:
    """Work in a thread where it takes long, since others wait meanwhile."""
    return await asyncio.to_thread(work) if slow else work()
