"""What an open prompt offers: the certificates that fit, and how they change while tokens come and go."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from agent.consent.prompter import Offered, Prompter, Updates
from agent.errors import CertificateUnknown, ModuleSlow, NoCertificate, PeroError
from agent.model import KEY_FILES, Listing
from agent.signing.fitting import Candidate, offered
from agent.texts.errors import error_text

Fit = Callable[[Listing], tuple[Candidate, ...]]


class Tokens(Protocol):
    """What is needed of the tokens; for a window more than for others, whose certificates stay as they were found."""

    async def listing(self) -> Listing: ...

    async def listing_soon(self) -> Listing: ...

    async def module_states(self) -> Any: ...

    def changes(self) -> AbstractAsyncContextManager[AsyncIterator[object]]: ...


class Offer:
    """`fit` picks the candidates out of a listing, and raises NoCertificate or CertificateUnknown where there are none;
    `exclude` gives the others with their reasons, which the person sees and nobody else.

    In a window NoCertificate is no error: the person is shown why, and whoever asked cannot tell from the time whether
    there was something to show. CertificateUnknown is none as long as no token is there and one can come.
    """

    def __init__(self, tokens: Tokens, fit: Fit, exclude: Fit, prompter: Prompter, language: str) -> None:
        self._tokens = tokens
        self._fit = fit
        self._exclude = exclude
        self._open = prompter.kind == "window"
        self._language = language
        self._every: dict[str, Candidate] = {}
        self.listing = Listing((), (), ())
        self.now = Offered((), ())

    async def look(self) -> None:
        """Find what there is. Raises whatever `fit` does.

        A window opens with what is there at once, where that is something: what comes later it is told.
        """
        listing = await (self._tokens.listing_soon() if self._open else self._tokens.listing())
        if _is_unfinished(listing) and not self._fits(listing):
            listing = await self._tokens.listing()
        error: PeroError | None = None
        found: tuple[Candidate, ...] = ()
        try:
            found = self._fit(listing)
        except (NoCertificate, CertificateUnknown) as nothing:
            error = nothing
        insert = not found and self._open and await self._may_come(listing)
        if error is not None and not insert and not (self._open and isinstance(error, NoCertificate)):
            raise error
        self._take(listing, found, insert)

    def candidate(self, thumbprint: str) -> Candidate:
        """One that is on offer, or was: what became of its token is found by signing. Raises CertificateUnknown."""
        try:
            return self._every[thumbprint]
        except KeyError:
            raise CertificateUnknown(thumbprint=thumbprint) from None

    def updates(self) -> Updates | None:
        """For the prompt that shows this; None where nobody looks at a list."""
        return self._updates() if self._open else None

    async def _updates(self) -> AsyncIterator[Offered]:
        async with self._tokens.changes() as changes:
            if (
                self.now.insert_token or _is_unfinished(self.listing)
            ) and await self._changed():  # one may have come before we listened
                yield self.now
            async for _ in changes:
                if await self._changed():
                    yield self.now

    async def _changed(self) -> bool:
        before = self.now
        listing = await self._tokens.listing_soon()
        found = self._fits(listing)
        self._take(listing, found, not found and not _any_token(listing))
        return self.now != before

    def _fits(self, listing: Listing) -> tuple[Candidate, ...]:
        with contextlib.suppress(PeroError):
            return self._fit(listing)
        return ()

    def _take(self, listing: Listing, found: tuple[Candidate, ...], insert_token: bool) -> None:
        self.listing = listing
        self._every |= {candidate.description.thumbprint: candidate for candidate in found}
        shown = (*offered(found), *offered(self._exclude(listing)))
        self.now = Offered(shown, faults(listing, self._language), insert_token)

    @property
    def is_empty(self) -> bool:
        """Whether there never was anything to choose, and it was not for want of a token."""
        return not self._every and not self.now.insert_token

    async def _may_come(self, listing: Listing) -> bool:
        """Whether no token is there, and a module that would see one is."""
        return not _any_token(listing) and any(not state.error for state in await self._tokens.module_states())


def faults(listing: Listing, language: str) -> tuple[str, ...]:
    """A sentence for each module that did not answer."""
    return tuple(error_text(fault.error, language, fault.facts) for fault in listing.faults)


def _is_unfinished(listing: Listing) -> bool:
    return any(fault.error == ModuleSlow.name for fault in listing.faults)


def _any_token(listing: Listing) -> bool:
    return any(token.module != KEY_FILES for token in listing.tokens)
