"""Many documents with one confirmation and one login. The steps are those of `procedure`, each for all documents:

 1. look       each document, before anybody is asked: what can never be signed so is shown with its reason
 2. find       the certificates that fit
 3. intend     the journal: the batch, and each of its documents
 4. ask        the person: the list, from which documents may be struck out, and the certificate
 5. confirm    the journal: what was agreed to
 6. sign       in one login: each document is prepared, signed, built and checked while the next ones are at the token
 7. record     the outcomes, many at a time; then they leave

What ends the login (a token that was pulled out) ends no document that is done: the person may go on with the rest, or
the rest gets that error. Whoever stops keeps what is done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import signing_algorithm
from agent.consent.origins import shown_origin
from agent.consent.prompter import BatchAnswer, BatchDialogue, BatchDocument, BatchPrompt, Prompter, ShownDocument
from agent.errors import (
    BadParameters,
    Cancelled,
    Fact,
    NoCertificate,
    PeroError,
    PinCancelled,
    Refused,
    WindowClosed,
)
from agent.ipc.pin import PinSource
from agent.journal import Journal
from agent.model import CertificateEntry, Listing
from agent.signing.batch_finishing import Finishing
from agent.signing.batch_look import Looked, check_digests, look, narrowest, row, with_digest, without_preview
from agent.signing.batch_look import facts as facts_of
from agent.signing.batch_request import MAX_DOCUMENTS, BatchRequest, Deliver, Unread
from agent.signing.batch_results import BatchResults
from agent.signing.choosing import fitting, not_offered, usable
from agent.signing.fitting import Candidate
from agent.signing.intention import intention
from agent.signing.levels import Levels
from agent.signing.making import Format, for_many, format_named
from agent.signing.offering import Offer
from agent.signing.offering import Tokens as OfferedTokens
from agent.signing.preview import being_drawn, shown
from agent.signing.queue import Patience, PersonQueue
from agent.signing.request import SignRequest
from agent.signing.stated import stated
from agent.signing.steps import Ready, chain_of, finish, prepare
from agent.tokens.many import ToSign

_BY_ITSELF = 0.5  # seconds after which a document is shown without its pages


class Tokens(OfferedTokens, Protocol):
    """What a batch needs of the tokens; `tokens.pool.TokenPool` is one."""

    def sign_many(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, jobs: AsyncIterator[ToSign], pin: PinSource
    ) -> AsyncGenerator[tuple[int, bytes], None]: ...


class Tools(NamedTuple):
    """What the procedure works with."""

    tokens: Tokens
    journal: Journal
    queue: PersonQueue
    now: Callable[[], datetime]
    levels: Levels
    default_certificate: Callable[[str], str | None] = lambda origin: None


async def sign_batch(tools: Tools, request: BatchRequest, prompter: Prompter, deliver: Deliver) -> None:
    """Every document gets its result through `deliver`, in whatever order they are done.

    Raises what ends the whole before anything was signed: Refused, NoCertificate, ... When it is cancelled, what is
    done was delivered, and the rest was not.
    """
    if not 0 < len(request.documents) <= MAX_DOCUMENTS:
        raise BadParameters(detail=f"1 to {MAX_DOCUMENTS} documents")
    check_digests(request)
    looked = await look(request)  # 1
    facts: dict[str, Fact] = {
        "origin": request.origin,
        "documents": len(looked),
        "format": request.options.format,
        "attached": request.attached,
        "asked_by": prompter.kind,
        **{f"stated_{name}": value for name, value in stated(request.options) if name != "kind"},
    }
    with intention(tools.journal, "sign_batch", facts, durable=False, origin=request.origin) as begun:  # 3
        shown_documents = [without_preview(document) for document in request.documents]
        rows = [{"entry": begun.number, "index": index, **facts_of(one)} for index, one in enumerate(shown_documents)]
        tools.journal.note_all("batch_document", rows, durable=False)
        batch = _Batch(tools, request, prompter, looked, begun.number, deliver)
        await batch.run([row(one, found, request.language) for one, found in zip(shown_documents, looked, strict=True)])
        begun.ended("signed", origin=request.origin, signed=batch.results.signed, failed=batch.results.failed)


class _Batch:
    def __init__(
        self,
        tools: Tools,
        request: BatchRequest,
        prompter: Prompter,
        looked: list[Looked | PeroError],
        entry: int,
        deliver: Deliver,
    ) -> None:
        self._tools = tools
        self._request = request
        self._prompter = prompter
        self._looked = looked
        self._entry = entry
        self._struck: frozenset[int] = frozenset()
        self.results = BatchResults(tools.journal, entry, deliver, len(looked))

    async def run(self, rows: list[BatchDocument]) -> None:
        for index, found in enumerate(self._looked):
            if isinstance(found, PeroError):
                self.results.add(index, found)
        narrow = narrowest(self._looked)
        if narrow is None:
            self.results.flush()
            return
        await self._tools.levels.check(self._request.options)
        offer = self._offer(narrow)
        try:
            async with self._tools.queue.turn() as patience:
                await self._ask(rows, offer, patience)
        except PeroError as error:
            if not self.results.signed:
                raise
            self._settle(error)
        finally:
            self.results.flush()

    async def _ask(self, rows: list[BatchDocument], offer: Offer, patience: Patience) -> None:
        await offer.look()  # 2
        prompt = BatchPrompt(
            origin=self._request.origin,
            shown_origin=shown_origin(self._request.origin),
            documents=tuple(rows),
            certificates=offer.now.certificates,
            chosen=self._request.certificate or self._tools.default_certificate(self._request.origin),
            faults=offer.now.faults,
            language=self._request.language,
            insert_token=offer.now.insert_token,
            stated=stated(self._request.options),
        )
        async with self._prompter.ask_batch(prompt, self._show, offer.updates()) as dialogue:  # 4
            last: PeroError | None = None
            while True:
                answer = await _confirmed(dialogue, last, offer)
                patience.renew()
                try:
                    await self._agreed(answer, usable(offer.candidate(answer.thumbprint)), offer, dialogue, patience)
                except PinCancelled:
                    last = None  # the person went back, or away: the next answer tells
                except Refused:
                    raise  # stopped before the first signature
                except PeroError as error:
                    self.results.flush()
                    await dialogue.progress(self.results.progress())
                    last = error
                    await dialogue.failed(error)
                else:
                    break
                patience.renew()
            await dialogue.done()

    async def _agreed(
        self, answer: BatchAnswer, chosen: Candidate, offer: Offer, dialogue: BatchDialogue, patience: Patience
    ) -> None:
        """Steps 5 to 7, for what is left and was not struck out."""
        thumbprint = chosen.description.thumbprint
        left = self.results.left
        struck = sorted(set(answer.struck) & set(left))
        self._tools.journal.note(  # 5
            "confirmed", {"entry": self._entry, "certificate": thumbprint, "documents": len(left) - len(struck)}
        )
        self._struck = frozenset(struck)

        async def told() -> None:
            while True:
                await self.results.changed.wait()
                self.results.changed.clear()
                patience.renew()
                await dialogue.progress(self.results.progress())

        telling = asyncio.create_task(told())
        try:
            if await _unless(dialogue.stopped(), self._sign(chosen, offer.listing, dialogue)):
                if not self.results.signed:
                    raise Refused()  # nothing was signed, and nobody wants it any more
                self._settle(Cancelled())
            self._settle(Refused())
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _sign(self, chosen: Candidate, listing: Listing, dialogue: BatchDialogue) -> None:
        async with for_many(format_named(self._request.options.format)) as form:
            await self._sign_as(form, chosen, listing, dialogue)

    async def _sign_as(self, form: Format, chosen: Candidate, listing: Listing, dialogue: BatchDialogue) -> None:
        chain, moment, waiting = chain_of(chosen, listing), self._tools.now(), deque[tuple[int, Ready]]()
        options, narrow = self._request.options, narrowest(self._looked)
        assert narrow is not None  # noqa: S101 - nobody is asked otherwise
        algorithm = signing_algorithm(chosen.description, narrow.digests, options.padding)

        async def jobs() -> AsyncIterator[ToSign]:
            for index in self.results.left:
                found = self._looked[index]
                if not isinstance(found, Looked) or index in self._struck:
                    continue
                try:
                    request = with_digest(found.request, algorithm.digest.name)
                    ready = await prepare(request, form, chosen, chain, moment)
                except PeroError as error:
                    self.results.add(index, error)
                    continue
                waiting.append((index, ready))
                yield ToSign(ready.digest, ready.prepared.signed)

        signing = self._tools.tokens.sign_many(chosen.entry, algorithm, jobs(), dialogue.pin_source())  # 6
        async with Finishing(self.results, wait=options.level != "b") as finishing, aclosing(signing) as signatures:
            async for _, signature in signatures:
                index, ready = waiting.popleft()
                if finishing.is_lowered:
                    ready = _without_level(ready)
                await finishing.begin(index, partial(finish, ready, signature, self._tools.levels))  # 7

    def _settle(self, error: PeroError) -> None:
        """What is left gets this error, but what the person struck out."""
        for index in self.results.left:
            self.results.add(index, Refused() if index in self._struck else error)
        self.results.flush()

    async def _show(self, index: int) -> AsyncGenerator[ShownDocument | None, None]:
        """What the window shows of one document, once somebody looks at it; pages that take long to draw come later."""
        document = self._request.documents[index] if 0 <= index < len(self._request.documents) else None
        if document is None or isinstance(document, Unread):
            yield None
            return
        told = msgspec.structs.replace(shown(document), stated=stated(self._request.options))
        async with being_drawn(document, wanted=self._prompter.kind == "window") as drawings:
            done, _ = await asyncio.wait([drawings], timeout=_BY_ITSELF)
            if not done:
                yield told
            if drawn := await drawings:
                yield msgspec.structs.replace(told, drawings=drawn)
            elif done:
                yield told

    def _offer(self, one: SignRequest) -> Offer:
        now = self._tools.now
        return Offer(
            self._tools.tokens,
            lambda listing: fitting(listing, one, now()),
            lambda listing: not_offered(listing, one, now()),
            self._prompter,
            one.language,
        )


def _without_level(ready: Ready) -> Ready:
    """At level B, asking nobody."""
    options = msgspec.structs.replace(ready.request.options, level="b")
    return ready._replace(request=msgspec.structs.replace(ready.request, options=options))


async def _confirmed(dialogue: BatchDialogue, last: PeroError | None, offer: Offer) -> BatchAnswer:
    """Where the person gives up after a failure, or before a list in which nothing could be chosen, that happened."""
    try:
        return await dialogue.confirmed()
    except (Refused, WindowClosed):
        if last is not None:
            raise last from None
        if offer.is_empty:
            raise NoCertificate() from None
        raise


async def _unless(stop: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, unless it is stopped before its end; whether it was."""
    stopping, working = asyncio.ensure_future(stop), asyncio.ensure_future(work)
    try:
        await asyncio.wait((stopping, working), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return False
        return True
    finally:
        for task in (stopping, working):
            task.cancel()
        await asyncio.wait((stopping, working))
