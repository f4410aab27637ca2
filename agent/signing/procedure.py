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

from agent.algorithms import SignatureAlgorithm
from agent.certificates import libraries
from agent.consent.origins import shown_origin
from agent.consent.prompter import ChoicePrompt, Dialogue, Prompter, Remedy, ShownDocument, SigningPrompt
from agent.errors import (
    NoCertificate,
    PeroError,
    PinCancelled,
    Refused,
    WindowClosed,
)
from agent.ipc.pin import PinSource
from agent.journal import Journal
from agent.model import CertificateEntry, Listing, TokenState
from agent.signing.batch import Tokens as BatchTokens
from agent.signing.batch import Tools, sign_batch
from agent.signing.batch_request import BatchRequest, Deliver
from agent.signing.choosing import checked, fitting, not_offered, usable
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate, candidates, left_out
from agent.signing.follow_up import FollowUps, Give, until
from agent.signing.intention import Intention, intention
from agent.signing.levels import Levels
from agent.signing.making import Format
from agent.signing.offering import Offer
from agent.signing.preview import being_drawn, shown
from agent.signing.queue import PersonQueue
from agent.signing.request import SignRequest, SignResult
from agent.signing.stated import stated
from agent.signing.steps import make

ChangePin = Callable[[TokenState, Prompter, str], Awaitable[None]]  # the last one: the language


class Tokens(BatchTokens, Protocol):
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
        self.default_certificate: Callable[[str], str | None] = lambda origin: None  # of a site's windows
        self.change_pin: ChangePin | None = None  # what follows where the person takes the offer to do so

    async def sign(self, request: SignRequest, prompter: Prompter) -> SignResult:
        """Raises the errors of each step; whatever is raised stands in the journal."""
        form = await checked(request)
        document = msgspec.structs.replace(shown(request.document), stated=stated(request.options))
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

    async def sign_batch(self, request: BatchRequest, prompter: Prompter, deliver: Deliver) -> None:
        """Many documents with one confirmation and one login: see `batch`."""
        self._load_libraries()
        tools = Tools(self._tokens, self._journal, self._queue, self._now, self._levels, self.default_certificate)
        await sign_batch(tools, request, prompter, deliver)

    def _intention(
        self, request: SignRequest, document: ShownDocument, asked_by: str
    ) -> AbstractContextManager[Intention]:
        if request.audience:
            proof = {"origin": request.origin, "audience": request.audience, "asked_by": asked_by}
            return intention(
                self._journal, "sign_in", proof, durable=False, outcome_durable=False, origin=request.origin
            )
        facts, name = _facts(request, document, asked_by), document.name
        return intention(
            self._journal, "sign", facts, durable=False, outcome_durable=False, origin=request.origin, document=name
        )

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
                chosen = usable(offer.candidate(await prompter.choose_certificate(prompt, offer.updates())))
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
                lambda listing: fitting(listing, request, self._now()),
                lambda listing: not_offered(listing, request, self._now()),
                prompter,
                request.language,
            )
            wanted = prompter.kind == "window" and not request.audience
            async with being_drawn(request.document, wanted=wanted) as drawings:
                await offer.look()  # 1
                document = msgspec.structs.replace(document, drawings=await drawings)
            prompt = SigningPrompt(
                origin=request.origin,
                shown_origin=shown_origin(request.origin),
                document=document,
                certificates=offer.now.certificates,
                chosen=request.certificate or self.default_certificate(request.origin),
                faults=offer.now.faults,
                language=request.language,
                insert_token=offer.now.insert_token,
                sign_in=request.audience,
            )
            async with prompter.ask_signature(prompt, offer.updates()) as dialogue:  # 3
                last: PeroError | None = None
                while True:
                    chosen = usable(offer.candidate(await _confirmed(dialogue, last, offer)))
                    patience.renew()
                    try:
                        result = await self._make(
                            request, form, chosen, offer.listing, dialogue, entry, _asks(prompter)
                        )  # 4 to 8
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
        asks: bool,
    ) -> SignResult:
        self._journal.note("confirmed", {"entry": entry, "certificate": chosen.description.thumbprint})  # 4

        async def sign(algorithm: SignatureAlgorithm, digest: bytes, octets: bytes) -> bytes:
            return await self._tokens.sign(chosen.entry, algorithm, digest, dialogue.pin_source(), octets=octets)

        async def ask(error: PeroError, reached: str) -> Remedy:
            """A page that named a level gets no lower one unless it said so; a command's person decides."""
            takes_lower = request.options.fallback or not request.origin
            return await dialogue.remedy(error, reached if takes_lower else None)

        asked = ask if asks else None
        return await make(request, form, chosen, listing, self._now(), sign, self._levels, asked)  # 5 to 8


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


def _asks(prompter: Prompter) -> bool:
    """Whether somebody looks at it who can be asked something besides the PIN."""
    return prompter.kind in ("window", "test")


def _facts(request: SignRequest, document: ShownDocument, asked_by: str) -> dict[str, str | int | bool | None]:
    return {
        "origin": request.origin,
        "document": document.name,
        "size": document.size,
        "digest": f"{document.digest_algorithm}:{document.digest}",
        "format": request.options.format,
        "attached": request.attached,
        "asked_by": asked_by,
        **{f"stated_{name}": value for name, value in document.stated if name != "kind"},
    }


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
