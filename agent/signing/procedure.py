"""Signing, step by step.

 1. find       the certificates that fit, on all tokens and key files
 2. intend     the journal: what is asked; if it cannot be written, nothing is signed
 3. ask        the person, when it is their turn: site, document, certificate; refusal and silence end here
 4. confirm    the journal: what the person agreed to, with the certificate
 5. prepare    what is signed, in the format asked for (`making`), and its digest
 6. sign       the token or key file, with the PIN from the window; where it fails the person may try again (3)
 7. build      the signature, raised to the level asked for
 8. check      our own signature, before it leaves
 9. record     the outcome, failures too; where it cannot be written, the signature does not leave

Everything from outside is handed in: the person, the tokens, the journal, the clock.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from agent.algorithms import SignatureAlgorithm, digest_named
from agent.certificates import libraries
from agent.consent.origins import shown_origin
from agent.consent.prompter import ChoicePrompt, Dialogue, Prompter, ShownDocument, SigningPrompt
from agent.errors import (
    AlgorithmUnsupported,
    CertificateUnknown,
    CertificateUnusable,
    DigestLength,
    NoCertificate,
    PeroError,
    PinCancelled,
    Refused,
    WindowClosed,
)
from agent.ipc.pin import PinSource
from agent.journal import Journal
from agent.model import CertificateEntry, Digest, Listing, TokenState
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate, candidates, left_out, signing_with, unable
from agent.signing.follow_up import FollowUps, Give, until
from agent.signing.intention import Intention, intention
from agent.signing.levels import Levels
from agent.signing.making import Format, format_named
from agent.signing.offering import Offer
from agent.signing.offering import Tokens as OfferedTokens
from agent.signing.options import check
from agent.signing.preview import shown
from agent.signing.queue import PersonQueue
from agent.signing.request import SignRequest, SignResult
from agent.signing.sign_in import check_document
from agent.signing.steps import aside, is_large, make

ChangePin = Callable[[TokenState, Prompter, str], Awaitable[None]]  # the last one: the language


class Tokens(OfferedTokens, Protocol):
    """What signing needs of the tokens; `tokens.pool.TokenPool` is one."""

    async def sign(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes, pin: PinSource, *, octets: bytes
    ) -> bytes: ...


class Signing:
    """The procedure with what it works with."""

    def __init__(
        self, tokens: Tokens, journal: Journal, queue: PersonQueue, now: Callable[[], datetime], levels: Levels
    ) -> None:
        self._tokens = tokens
        self._journal = journal
        self._queue = queue
        self._levels = levels
        self._now = now
        self._loading: asyncio.Future[None] | None = None
        self.follow_ups = FollowUps()
        self.change_pin: ChangePin | None = None  # what follows where the person takes the offer to do so

    async def sign(self, request: SignRequest, prompter: Prompter) -> SignResult:
        """Raises the errors of each step; whatever is raised stands in the journal."""
        form = await _checked(request)
        document = shown(request.document)
        with self._intention(request, document, prompter.kind) as begun:  # 2, 9
            await self._levels.check(request.options)
            result = await self.follow_ups.first(
                lambda give: self._sign(request, form, document, prompter, begun.number, give)
            )
            begun.ended(
                "signed",
                certificate=result.candidate.entry.thumbprint,
                signature=_sha256(result.signature),
                level=result.options.level,
            )
        return result

    def _intention(
        self, request: SignRequest, document: ShownDocument, asked_by: str
    ) -> AbstractContextManager[Intention]:
        if request.audience:
            proof = {"origin": request.origin, "audience": request.audience, "asked_by": asked_by}
            return intention(self._journal, "sign_in", proof, durable=False, origin=request.origin)
        facts = _facts(request, document, asked_by)
        return intention(self._journal, "sign", facts, durable=False, origin=request.origin, document=document.name)

    async def choose(self, origin: str, wanted: Filter, prompter: Prompter, language: str) -> Candidate:
        """Steps 1 and 3 alone: the person shows a site one of the certificates."""
        facts = {"origin": origin, "asked_by": prompter.kind}
        with intention(self._journal, "choose", facts, durable=False, origin=origin) as begun:
            async with self._queue.turn():
                self._load_libraries()
                offer = Offer(
                    self._tokens,
                    lambda listing: candidates(listing, wanted, self._now()),
                    lambda listing: left_out(listing, wanted, self._now()),
                    prompter,
                    language,
                )
                await offer.look()
                prompt = ChoicePrompt(
                    origin=origin,
                    shown_origin=shown_origin(origin),
                    certificates=offer.now.certificates,
                    faults=offer.now.faults,
                    language=language,
                    insert_token=offer.now.insert_token,
                )
                chosen = _usable(offer.candidate(await prompter.choose_certificate(prompt, offer.updates())))
            begun.ended("chosen", origin=origin, certificate=chosen.entry.thumbprint)
        return chosen

    async def _sign(
        self,
        request: SignRequest,
        form: Format,
        document: ShownDocument,
        prompter: Prompter,
        entry: int,
        give: Give[SignResult],
    ) -> SignResult:
        """`give` is for a result that is there while the prompt still offers to change the PIN."""
        change = False
        async with self._queue.turn() as patience:
            self._load_libraries()
            offer = Offer(
                self._tokens,
                lambda listing: _fitting(listing, request, self._now()),
                lambda listing: _not_offered(listing, request, self._now()),
                prompter,
                request.language,
            )
            await offer.look()  # 1
            prompt = SigningPrompt(
                origin=request.origin,
                shown_origin=shown_origin(request.origin),
                document=document,
                certificates=offer.now.certificates,
                chosen=request.certificate,
                faults=offer.now.faults,
                language=request.language,
                insert_token=offer.now.insert_token,
                sign_in=request.audience,
            )
            async with prompter.ask_signature(prompt, offer.updates()) as dialogue:  # 3
                last: PeroError | None = None
                while True:
                    chosen = _usable(offer.candidate(await _confirmed(dialogue, last, offer)))
                    patience.renew()
                    try:
                        result = await self._make(request, form, chosen, offer.listing, dialogue, entry)  # 4 to 8
                    except PinCancelled:
                        last = None  # the person went back, or away: the next answer tells
                    except PeroError as error:
                        last = error
                        await dialogue.failed(error)
                    else:
                        break
                    patience.renew()
                if await dialogue.done():
                    give(result)
                    change = await until(self._queue.wanted(), dialogue.offer_taken())
        if change and self.change_pin is not None:
            await self.change_pin(chosen.entry.token, prompter, request.language)
        return result

    def _load_libraries(self) -> None:
        """In a thread, the first time: while tokens and then the person are waited for."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().run_in_executor(None, libraries.load)

    async def _make(
        self,
        request: SignRequest,
        form: Format,
        chosen: Candidate,
        listing: Listing,
        dialogue: Dialogue,
        entry: int,
    ) -> SignResult:
        self._journal.note("confirmed", {"entry": entry, "certificate": chosen.description.thumbprint})  # 4

        async def sign(algorithm: SignatureAlgorithm, digest: bytes, octets: bytes) -> bytes:
            return await self._tokens.sign(chosen.entry, algorithm, digest, dialogue.pin_source(), octets=octets)

        return await make(request, form, chosen, listing, self._now(), sign, self._levels)  # 5 to 8


async def _confirmed(dialogue: Dialogue, last: PeroError | None, offer: Offer) -> str:
    """The person's answer. Where they give up after a failure, or before a list in which nothing could be chosen, that
    is what happened."""
    try:
        return await dialogue.confirmed()
    except (Refused, WindowClosed):
        if last is not None:
            raise last from None
        if offer.is_empty:
            raise NoCertificate() from None
        raise


def _fitting(listing: Listing, request: SignRequest, now: datetime) -> tuple[Candidate, ...]:
    """The certificates to offer; of the one that was named, only that. Raises CertificateUnknown, CertificateUnusable,
    AlgorithmUnsupported, and NoCertificate where there is nobody to look at an empty window for."""
    wanted = request.filter
    if request.certificate is not None:
        wanted = msgspec.structs.replace(wanted, thumbprints=(request.certificate,))
    found = candidates(listing, wanted, now)
    if request.certificate is not None:
        if not found:
            raise CertificateUnknown(thumbprint=request.certificate)
        _usable(found[0])
    digests, padding = request.digests, request.options.padding
    found = signing_with(found, digests, padding)
    if not found and request.certificate is not None:
        raise AlgorithmUnsupported(algorithm=digests[0].name if digests else padding)
    if not found:
        raise NoCertificate()
    return found


def _not_offered(listing: Listing, request: SignRequest, now: datetime) -> tuple[Candidate, ...]:
    """The other certificates, with the reasons; none where one was named."""
    if request.certificate is not None:
        return ()
    fitting = candidates(listing, request.filter, now)
    signing = signing_with(fitting, request.digests, request.options.padding)
    return (*unable(one for one in fitting if one not in signing), *left_out(listing, request.filter, now))


def _usable(candidate: Candidate) -> Candidate:
    """The candidate, if it can sign: what a window says is checked again here."""
    if candidate.problems:
        raise _unusable(candidate)
    return candidate


def _unusable(candidate: Candidate) -> CertificateUnusable:
    description = candidate.description
    days = {"from_day": f"{description.not_before:%Y-%m-%d}", "to_day": f"{description.not_after:%Y-%m-%d}"}
    return CertificateUnusable(thumbprint=description.thumbprint, reason=candidate.problems[0], **days)


async def _checked(request: SignRequest) -> Format:
    """The format asked for. What can never be signed is refused here, before anybody is asked anything.

    Raises BadParameters, DigestLength, AlgorithmUnsupported, and what the format says of the document.
    """
    check(
        request.options,
        request.document,
        attached=request.attached,
        digest_named=request.digest_algorithm is not None,
    )
    form = format_named(request.options.format)
    _ = request.digests
    if isinstance(request.document, Digest):
        expected = digest_named(request.document.algorithm).size
        if len(request.document.value) != expected:
            raise DigestLength(
                algorithm=request.document.algorithm, expected=expected, given=len(request.document.value)
            )
    if not request.audience:
        check_document(request.document)
    await aside(form.slow or is_large(request), lambda: form.look(request.document, request.options))
    return form


def _facts(request: SignRequest, document: ShownDocument, asked_by: str) -> dict[str, str | int | bool | None]:
    return {
        "origin": request.origin,
        "document": document.name,
        "size": document.size,
        "digest": f"{document.digest_algorithm}:{document.digest}",
        "format": request.options.format,
        "attached": request.attached,
        "asked_by": asked_by,
    }


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
