"""`WindowPrompter`: the person is asked in Pero's own windows, each a process of its own. The PIN never comes here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from agent.consent.prompter import (
    BatchDialogue,
    BatchPrompt,
    ChoicePrompt,
    ConnectionAnswer,
    ConnectionPrompt,
    Dialogue,
    PassphrasePrompt,
    Remedy,
    ShowDocument,
    SigningPrompt,
    TokenPrompt,
    Updates,
)
from agent.desktop import messages
from agent.desktop.spare import Spare
from agent.desktop.window_batch import WindowBatch
from agent.desktop.window_process import END_DEADLINE, WindowProcess, open_window
from agent.errors import PeroError, Refused, WindowClosed
from agent.ipc.pin import PinSource

_log = logging.getLogger("pero.desktop")


class WindowDialogue:
    """A `Dialogue` in a window."""

    def __init__(self, window: WindowProcess) -> None:
        self._window = window

    async def confirmed(self) -> str:
        return (await self._window.answer(messages.Confirmed)).thumbprint

    def pin_source(self) -> PinSource:
        return self._window.pin_source()

    async def failed(self, error: PeroError) -> None:
        await self._window.tell(messages.Failed(error.name, error.facts))

    async def remedy(self, error: PeroError, lower: str | None) -> Remedy:
        await self._window.tell(messages.Unreached(error.name, error.facts, lower))
        try:
            return (await self._window.answer(messages.Remedied)).remedy
        except (Refused, WindowClosed):
            return "give_up"

    async def done(self) -> bool:
        await self._window.tell(messages.Done())
        try:
            async with asyncio.timeout(END_DEADLINE):
                await self._window.answer(messages.Offering)
        except (Refused, WindowClosed, TimeoutError):
            return False
        return True

    async def offer_taken(self) -> bool:
        try:
            await self._window.answer(messages.ChangePin)
        except (Refused, WindowClosed):
            return False
        return True


class WindowPrompter:
    """A `Prompter` whose windows appear on the display that `environment` names (default: this process's own)."""

    kind: Literal["window"] = "window"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._spare = Spare(self._environment)

    def expect(self) -> None:
        """Somebody is likely to be asked soon: make ready for it."""
        self._spare.expect()

    async def close(self) -> None:
        """Whatever waits to be shown goes."""
        await self._spare.close()

    @contextlib.asynccontextmanager
    async def _open(self, show: messages.Show) -> AsyncIterator[WindowProcess]:
        async with open_window(show, self._environment, await self._spare.take()) as window:
            yield window

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        async with self._open(messages.ShowConnection(prompt)) as window:
            return ConnectionAnswer(remember=(await window.answer(messages.Allowed)).remember)

    async def choose_certificate(self, prompt: ChoicePrompt, updates: Updates | None = None) -> str:
        async with (
            self._open(messages.ShowChoice(prompt)) as window,
            _following(window, updates),
        ):
            return (await window.answer(messages.Confirmed)).thumbprint

    @contextlib.asynccontextmanager
    async def ask_signature(self, prompt: SigningPrompt, updates: Updates | None = None) -> AsyncIterator[Dialogue]:
        async with (
            self._open(messages.ShowSigning(prompt)) as window,
            _following(window, updates),
        ):
            yield WindowDialogue(window)

    @contextlib.asynccontextmanager
    async def ask_batch(
        self, prompt: BatchPrompt, show: ShowDocument, updates: Updates | None = None
    ) -> AsyncIterator[BatchDialogue]:
        async with (
            self._open(messages.ShowBatch(prompt)) as window,
            _following(window, updates),
            WindowBatch(window, show) as dialogue,
        ):
            yield dialogue

    @contextlib.asynccontextmanager
    async def ask_passphrase(self, prompt: PassphrasePrompt) -> AsyncIterator[Dialogue]:
        async with self._open(messages.ShowPassphrase(prompt)) as window:
            yield WindowDialogue(window)

    @contextlib.asynccontextmanager
    async def ask_token(self, prompt: TokenPrompt) -> AsyncIterator[Dialogue]:
        async with self._open(messages.ShowToken(prompt)) as window:
            yield WindowDialogue(window)


@contextlib.asynccontextmanager
async def _following(window: WindowProcess, updates: Updates | None) -> AsyncIterator[None]:
    """Tell the window what is on offer, whenever that changes, while the block runs."""
    if updates is None:
        yield
        return
    telling = asyncio.create_task(_tell(window, updates))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _tell(window: WindowProcess, updates: Updates) -> None:
    """What goes wrong costs the list its freshness, and nothing else."""
    try:
        async for offered in updates:
            await window.tell(messages.Offer(offered))
    except PeroError as error:
        _log.warning("updates_ended error=%s", error.name)
