"""The prompter of a command: nobody is shown a window, the PIN comes from the command's terminal or descriptor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

from agent.consent.prompter import (
    BatchAnswer,
    BatchDialogue,
    BatchPrompt,
    ChoicePrompt,
    ConnectionAnswer,
    ConnectionPrompt,
    Dialogue,
    OfferedCertificate,
    PassphrasePrompt,
    Progress,
    Remedy,
    ShowDocument,
    SigningPrompt,
    TokenPrompt,
    Updates,
)
from agent.errors import CertificateAmbiguous, NoCertificate, PeroError, PinCancelled, Refused
from agent.ipc.pin import PinSource, SourceKind


class CommandPrompter:
    """Confirms what the command's own words already said, once, and passes its PIN descriptor on.

    `descriptor` stays the caller's; a copy of it goes to the worker. `last_try`: a PIN out of a plain descriptor may
    be spent on the last try.
    """

    def __init__(self, kind: Literal["terminal", "descriptor"], descriptor: int, last_try: bool = False) -> None:
        self.kind: Literal["terminal", "descriptor"] = kind
        self._descriptor = descriptor
        self._last_try = last_try

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        """A command is not a site."""
        raise Refused()

    async def choose_certificate(self, prompt: ChoicePrompt, updates: Updates | None = None) -> str:
        return only_usable(prompt.certificates)

    def ask_signature(
        self, prompt: SigningPrompt, updates: Updates | None = None
    ) -> AbstractAsyncContextManager[Dialogue]:
        return self._dialogue(prompt.chosen, prompt.certificates)

    def ask_passphrase(self, prompt: PassphrasePrompt) -> AbstractAsyncContextManager[Dialogue]:
        return self._dialogue("", ())

    def ask_token(self, prompt: TokenPrompt) -> AbstractAsyncContextManager[Dialogue]:
        return self._dialogue("", ())

    @asynccontextmanager
    async def ask_batch(
        self, prompt: BatchPrompt, show: ShowDocument, updates: Updates | None = None
    ) -> AsyncIterator[BatchDialogue]:
        yield _CommandBatch(_CommandDialogue(self._source, prompt.chosen, prompt.certificates))

    @asynccontextmanager
    async def _dialogue(
        self, chosen: str | None, certificates: tuple[OfferedCertificate, ...]
    ) -> AsyncIterator[Dialogue]:
        yield _CommandDialogue(self._source, chosen, certificates)

    def _source(self) -> PinSource:
        plain: SourceKind = "daring_descriptor" if self._last_try else "descriptor"
        return PinSource("conversation" if self.kind == "terminal" else plain, os.dup(self._descriptor))


def only_usable(certificates: tuple[OfferedCertificate, ...]) -> str:
    """The one certificate without problems. Raises NoCertificate, CertificateAmbiguous."""
    usable = [certificate.thumbprint for certificate in certificates if not certificate.problems]
    if not usable:
        raise NoCertificate()
    if len(usable) > 1:
        raise CertificateAmbiguous(count=len(usable))
    return usable[0]


class _CommandDialogue:
    def __init__(
        self, source: Callable[[], PinSource], chosen: str | None, certificates: tuple[OfferedCertificate, ...]
    ) -> None:
        self._source = source
        self._chosen = chosen
        self._certificates = certificates
        self._confirmed = False
        self._error: PeroError | None = None

    async def confirmed(self) -> str:
        if self._confirmed:
            raise self._error or PinCancelled()
        self._confirmed = True
        return only_usable(self._certificates) if self._chosen is None else self._chosen

    def pin_source(self) -> PinSource:
        return self._source()

    async def failed(self, error: PeroError) -> None:
        self._error = error

    async def remedy(self, error: PeroError, lower: str | None) -> Remedy:
        """Nobody sits there who could say; what the options allow is looked at by who asks."""
        return "give_up"

    async def done(self) -> bool:
        """Whoever holds the other end of a conversation was told by the worker what there is to tell."""
        return False

    async def offer_taken(self) -> bool:
        return False


class _CommandBatch:
    """The command itself says how far it is, and stops by going away."""

    def __init__(self, one: _CommandDialogue) -> None:
        self._one = one

    async def confirmed(self) -> BatchAnswer:
        return BatchAnswer(await self._one.confirmed())

    def pin_source(self) -> PinSource:
        return self._one.pin_source()

    async def failed(self, error: PeroError) -> None:
        await self._one.failed(error)

    async def progress(self, progress: Progress) -> None:
        pass

    async def stopped(self) -> None:
        await asyncio.Event().wait()

    async def done(self) -> None:
        pass
