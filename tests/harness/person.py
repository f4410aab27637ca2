"""A person at a display, and a worker that only asks for PINs, for tests that run in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import psutil

from agent.consent.prompter import Dialogue, SigningPrompt
from agent.desktop.window_prompter import WindowPrompter
from agent.ipc import pin
from agent.ipc.pin import PinSource
from native_host import framing
from tests.harness.display import DEADLINE, Display

WORDS = {"en": ("Refuse", "Sign"), "ru": ("Отказать", "Подписать")}


class Person:
    """The methods of `Display`, awaited: they block, and the event loop must go on."""

    def __init__(self, display: Display) -> None:
        self.display = display

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.display, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *arguments, **options)

        return call

    async def names(self) -> list[str]:
        """The accessible names of all that Pero shows, and the texts of what has one."""
        nodes = await asyncio.to_thread(self.display.accessible.tree)
        return [node["name"] for node in nodes] + [node["text"] for node in nodes if node["text"]]

    async def reads(self, part: str) -> None:
        """Wait until this can be read in the window by a screen reader."""
        await asyncio.to_thread(
            self.display.until,
            lambda: any(part in (node["name"] or "") for node in self.display.accessible.tree()),
            f"the words {part!r}",
        )

    async def focus_is_on(self, name: str) -> None:
        await self.wait_for_accessible(name, state="focused")


class Worker:
    """The worker's end of a PIN conversation, by hand."""

    def __init__(self, source: PinSource) -> None:
        assert source.kind == "conversation"
        self._socket = socket.socket(fileno=source.descriptor)
        self._socket.settimeout(DEADLINE)

    def say(self, said: pin.Said) -> None:
        self._socket.sendall(pin.encode_said(said))

    async def hear(self) -> bytes | None:
        """The PIN that came, None where the person cancelled or the channel ended."""
        payload = await asyncio.to_thread(framing.read, self._socket.recv)
        got = pin.decode_answer(bytearray(payload)) if payload is not None else None
        return got.reveal() if got is not None else None

    async def ask(self, **fields: Any) -> bytes | None:
        self.say(pin.Ask(**fields))
        return await self.hear()

    def close(self) -> None:
        self._socket.close()


class Signing:
    """An open signing window with somebody in front of it."""

    def __init__(self, dialogue: Dialogue, person: Person) -> None:
        self.dialogue = dialogue
        self.person = person
        self._workers: list[Worker] = []

    async def worker(self) -> Worker:
        """Wait for the confirmation, and be the worker of it."""
        await self.confirmed()
        worker = Worker(self.dialogue.pin_source())
        self._workers.append(worker)
        return worker

    async def confirmed(self) -> str:
        async with asyncio.timeout(DEADLINE):
            return await self.dialogue.confirmed()

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


@contextlib.asynccontextmanager
async def signing_window(display: Display, prompt: SigningPrompt, **environment: str) -> AsyncIterator[Signing]:
    """A signing window that is ready to be used."""
    person = Person(display)
    async with WindowPrompter(display.environment | environment).ask_signature(prompt) as dialogue:
        signing = Signing(dialogue, person)
        await person.wait_for_window("Pero")
        await person.wait_until_ready(WORDS[prompt.language][0])
        try:
            yield signing
        finally:
            signing.close()


def window_processes() -> list[psutil.Process]:
    """Window processes of this test process."""
    found = []
    for child in psutil.Process(os.getpid()).children():
        with contextlib.suppress(psutil.Error):
            if "agent.desktop.windows.main" in child.cmdline():
                found.append(child)
    return found


async def ends(task: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> Any:
    """The outcome of a prompt, which must come in time."""
    async with asyncio.timeout(DEADLINE):
        return await task
