"""A person who agrees at once, with a PIN. Only a composition made by hand takes it: `pero run` makes its own prompter,
and no argument, variable, setting or message names another (held by tests/unit/test_benchmarks.py)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from agent.consent.prompter import (
    BatchAnswer,
    BatchDialogue,
    BatchPrompt,
    ChoicePrompt,
    ConnectionAnswer,
    ConnectionPrompt,
    PassphrasePrompt,
    Progress,
    Remedy,
    ShowDocument,
    SigningPrompt,
    TokenPrompt,
    Updates,
)
from agent.errors import PeroError, Refused
from agent.ipc import pin
from agent.ipc.pin import PinSource


class AtOnce:
    """A `Prompter`. The PIN takes its usual road, a conversation with the worker."""

    kind: Literal["test"] = "test"

    def __init__(self, typed: str) -> None:
        self._typed = typed

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        return ConnectionAnswer(remember=True)

    async def choose_certificate(self, prompt: ChoicePrompt, updates: Updates | None = None) -> str:
        return prompt.certificates[0].thumbprint

    @contextlib.asynccontextmanager
    async def ask_signature(
        self, prompt: SigningPrompt, updates: Updates | None = None
    ) -> AsyncIterator[_AtOnceDialogue]:
        dialogue = _AtOnceDialogue(self._typed, prompt.chosen or prompt.certificates[0].thumbprint)
        try:
            yield dialogue
        finally:
            dialogue.close()

    def ask_passphrase(self, prompt: PassphrasePrompt) -> contextlib.AbstractAsyncContextManager[_AtOnceDialogue]:
        raise Refused()

    @contextlib.asynccontextmanager
    async def ask_batch(
        self, prompt: BatchPrompt, show: ShowDocument, updates: Updates | None = None
    ) -> AsyncIterator[BatchDialogue]:
        dialogue = _AtOnceBatch(self._typed, prompt.chosen or prompt.certificates[0].thumbprint)
        try:
            yield dialogue
        finally:
            dialogue.one.close()

    def ask_token(self, prompt: TokenPrompt) -> contextlib.AbstractAsyncContextManager[_AtOnceDialogue]:
        raise Refused()


class _AtOnceDialogue:
    def __init__(self, typed: str, thumbprint: str) -> None:
        self._typed = typed
        self._thumbprint = thumbprint
        self._open = contextlib.ExitStack()

    async def confirmed(self) -> str:
        return self._thumbprint

    def pin_source(self) -> PinSource:
        """A conversation whose first question is answered; a second one, after a wrong PIN, by nothing more."""
        asker, worker = pin.conversation()
        asker.setblocking(False)
        loop = asyncio.get_running_loop()

        def answer() -> None:
            loop.remove_reader(asker)
            asker.send(pin.encode_pin(bytearray(self._typed.encode())))

        loop.add_reader(asker, answer)
        self._open.callback(asker.close)
        self._open.callback(loop.remove_reader, asker)
        return PinSource("conversation", worker.detach())

    async def failed(self, error: PeroError) -> None:
        raise AssertionError(error.name)

    async def remedy(self, error: PeroError, lower: str | None) -> Remedy:
        raise AssertionError(error.name)

    async def done(self) -> bool:
        return False

    async def offer_taken(self) -> bool:
        return False

    def close(self) -> None:
        self._open.close()


class _AtOnceBatch:
    def __init__(self, typed: str, thumbprint: str) -> None:
        self.one = _AtOnceDialogue(typed, thumbprint)

    async def confirmed(self) -> BatchAnswer:
        return BatchAnswer(await self.one.confirmed())

    def pin_source(self) -> PinSource:
        return self.one.pin_source()

    async def failed(self, error: PeroError) -> None:
        await self.one.failed(error)

    async def progress(self, progress: Progress) -> None:
        """Nobody looks."""

    async def stopped(self) -> None:
        await asyncio.Event().wait()

    async def done(self) -> None:
        """It goes away."""
