"""`WindowPrompter`: the person is asked in Pero's own windows, each a process of its own. The PIN never comes here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from agent.consent.prompter import (
    ChoicePrompt,
    ConnectionAnswer,
    ConnectionPrompt,
    Dialogue,
    PassphrasePrompt,
    SigningPrompt,
)
from agent.desktop import messages
from agent.desktop.window_process import WindowProcess, open_window
from agent.errors import PeroError
from agent.ipc.pin import PinSource


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

    async def done(self) -> None:
        await self._window.tell(messages.Done())


class WindowPrompter:
    """A `Prompter` whose windows appear on the display that `environment` names (default: this process's own)."""

    kind: Literal["window"] = "window"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    async def ask_connection(self, prompt: ConnectionPrompt) -> ConnectionAnswer:
        async with open_window(messages.ShowConnection(prompt), self._environment) as window:
            return ConnectionAnswer(remember=(await window.answer(messages.Allowed)).remember)

    async def choose_certificate(self, prompt: ChoicePrompt) -> str:
        async with open_window(messages.ShowChoice(prompt), self._environment) as window:
            return (await window.answer(messages.Confirmed)).thumbprint

    @contextlib.asynccontextmanager
    async def ask_signature(self, prompt: SigningPrompt) -> AsyncIterator[Dialogue]:
        async with open_window(messages.ShowSigning(prompt), self._environment) as window:
            yield WindowDialogue(window)

    @contextlib.asynccontextmanager
    async def ask_passphrase(self, prompt: PassphrasePrompt) -> AsyncIterator[Dialogue]:
        async with open_window(messages.ShowPassphrase(prompt), self._environment) as window:
            yield WindowDialogue(window)
