"""Steps 5 to 8 of the procedure: prepare, sign, build, check. What came of the person is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates.chain import chain_for
from agent.certificates.description import Description, signing_algorithm
from agent.cms.encodings import encoded
from agent.cms.formats import Prepared
from agent.model import Digest, Document, Listing, Streamed, unwatched
from agent.signing.aside import aside
from agent.signing.fitting import Candidate
from agent.signing.levels import Ask, Levels, check_certificate
from agent.signing.making import Format
from agent.signing.request import SignRequest, SignResult
from agent.signing.task import Task

LARGE = 1 << 20  # bytes; SHA-256 takes a millisecond for so many, Streebog ten
SignDigest = Callable[[SignatureAlgorithm, bytes, bytes], Awaitable[bytes]]  # a digest, and what it is of


class Ready(NamedTuple):
    """What is to be signed, and all that makes a signature of it."""

    request: SignRequest
    form: Format
    chosen: Candidate
    task: Task
    prepared: Prepared
    digest: bytes

    @property
    def is_slow(self) -> bool:
        return self.form.slow or is_large(self.request)


async def make(
    request: SignRequest,
    form: Format,
    chosen: Candidate,
    listing: Listing,
    moment: datetime,
    sign: SignDigest,
    levels: Levels,
    ask: Ask | None = None,
) -> SignResult:
    """`sign` has the digest signed by the chosen key: the PIN is used there, and nothing that could be known before
    fails after it. Raises the errors of each step."""
    ready = await prepare(request, form, chosen, chain_of(chosen, listing), moment)
    signature = await sign(ready.task.algorithm, ready.digest, ready.prepared.signed)  # 6
    return await finish(ready, signature, levels, ask)


async def prepare(
    request: SignRequest, form: Format, chosen: Candidate, chain: tuple[bytes, ...], moment: datetime
) -> Ready:
    """Step 5. Raises its errors."""
    task = await _task(request, chosen, chain, moment)
    check_certificate(request.options, task.certificate)
    prepared = await aside(form.slow or is_large(request), lambda: form.prepare(task), request.origin)
    digest = new_digest(task.algorithm.digest.name, prepared.signed).digest()
    return Ready(request, form, chosen, task, prepared, digest)


async def finish(ready: Ready, signature: bytes, levels: Levels, ask: Ask | None = None) -> SignResult:
    """Steps 7 and 8. Raises their errors."""
    request, form, task = ready.request, ready.form, ready.task
    completed = await aside(ready.is_slow, lambda: ready.prepared.complete(signature), request.origin)  # 7
    completed, level = await levels.raised(
        completed, request.options, task.certificate, task.chain, task.algorithm.digest.name, request.origin, ask
    )
    await aside(ready.is_slow, lambda: form.verify(task, completed, level), request.origin)  # 8
    if isinstance(request.document, Document | Streamed) and request.document.unchanged is not unwatched:
        await asyncio.to_thread(request.document.unchanged)
    detached = form.is_detached(request.options, request.attached)
    return SignResult(
        signature=encoded(completed.value, request.options.encoding),
        detached=detached,
        options=msgspec.structs.replace(request.options, level=level),
        media_type=form.media_type(detached),
        candidate=ready.chosen,
        chain=task.chain,
    )


def chain_of(chosen: Candidate, listing: Listing) -> tuple[bytes, ...]:
    """DER, of what lies beside the certificate and elsewhere, and of the issuers that Pero keeps."""
    others = (other.der for other in listing.certificates)
    return chain_for(chosen.description.der, (*chosen.entry.chain, *others, *listing.issuers))


async def _task(request: SignRequest, chosen: Candidate, chain: tuple[bytes, ...], moment: datetime) -> Task:
    description = chosen.description
    algorithm = _algorithm(request, description)
    return Task(
        document=request.document,
        content_digest=await _content_digest(request, algorithm),
        attached=request.attached,
        options=request.options,
        certificate=description,
        chain=chain,
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
    return await aside(is_large(request), lambda: new_digest(algorithm.digest.name, content).digest(), request.origin)


def is_large(request: SignRequest) -> bool:
    content = request.document.content if isinstance(request.document, Document) else b""
    return max(len(content), len(request.options.existing or b"")) > LARGE
