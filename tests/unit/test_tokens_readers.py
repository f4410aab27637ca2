"""Readers that are plugged in and out while the service runs, which needs a service that does what it is told.

The real one is met in tests/contract/test_token_changes.py; it tells of new readers only where there is real USB.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.tokens import pcsc
from agent.tokens.readers import ReaderThread
from agent.tokens.watcher import Change, Watcher

PRESENT, EMPTY, CHANGED = 0x20, 0x10, 0x02  # SCARD_STATE_...


class Service:
    """The calls of ``pcsc.Library`` over readers of our own, with the states of pcsc-lite 1.9."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._readers: dict[str, int] = {}
        self._cancelled = False
        self.waits = 0

    def set(self, name: str, events: int | None, state: int = EMPTY) -> None:
        """Put a reader where it is to be, with its count of events; None takes it away."""
        with self._turn:
            if events is None:
                del self._readers[name]
            else:
                self._readers[name] = events << 16 | state
            self._turn.notify_all()

    def establish(self, *_arguments: Any) -> int:
        return pcsc.SUCCESS

    def release(self, _context: Any) -> int:
        return pcsc.SUCCESS

    def cancel(self, _context: Any) -> int:
        with self._turn:
            self._cancelled = True
            self._turn.notify_all()
        return pcsc.SUCCESS

    def list_readers(self, _context: Any, _groups: Any, names: Any, size: Any) -> int:
        with self._turn:
            if not self._readers:
                return pcsc.NO_READERS
            text = b"".join(name.encode() + b"\0" for name in self._readers) + b"\0"
        size._obj.value = len(text)
        if names is not None:
            names.raw = text.ljust(len(names), b"\0")
        return pcsc.SUCCESS

    def status_change(self, _context: Any, milliseconds: int, states: Any, count: int) -> int:
        with self._turn:
            self.waits += 1
            known = len(self._readers)
            while not self._compare(states, count, known):
                if any(self._gone(states[place].reader) for place in range(count)):
                    return pcsc.UNKNOWN_READER
                if self._cancelled:
                    self._cancelled = False
                    return pcsc.CANCELLED
                if not self._turn.wait(None if milliseconds == pcsc.INFINITE else milliseconds / 1000):
                    return pcsc.TIMEOUT
        return pcsc.SUCCESS

    def _gone(self, name: bytes) -> bool:
        return name.decode() not in (*self._readers, pcsc.NOTIFICATION)

    def _compare(self, states: Any, count: int, known: int) -> bool:
        changed = False
        for place in range(count):
            state, name = states[place], states[place].reader.decode()
            now = self._readers.get(name, state.current)
            moved = now != state.current if name != pcsc.NOTIFICATION else len(self._readers) != known
            state.event = now | (CHANGED if moved else 0)
            changed |= moved
        return changed


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def changes(service: Service) -> AsyncIterator[AsyncIterator[Change]]:
    async with watcher_of(service).changes() as listening:
        yield listening


async def told(changes: AsyncIterator[Change], count: int = 1) -> list[str]:
    """The next changes, as KIND READER."""
    async with asyncio.timeout(20):
        found = [await anext(changes) for _ in range(count)]
    assert all(change.module == "" for change in found)
    return [f"{change.kind} {change.reader}" for change in found]


def watcher_of(service: Service) -> Watcher:
    async def look(_readers: bool) -> dict[str, frozenset[int]]:
        return {}

    library: Any = service
    return Watcher(look, lambda: library)


async def test_a_reader_plugged_in_and_out_is_told(service: Service, changes: AsyncIterator[Change]) -> None:
    service.set("Token 00 00", 0)
    assert await told(changes) == ["reader_added Token 00 00"]
    service.set("Token 00 00", None)
    assert await told(changes) == ["reader_removed Token 00 00"]


async def test_a_usb_token_is_a_reader_that_comes_with_its_token(
    service: Service, changes: AsyncIterator[Change]
) -> None:
    service.set("Token 00 00", 1, PRESENT)
    assert await told(changes, 2) == ["reader_added Token 00 00", "token_inserted Token 00 00"]
    service.set("Token 00 00", None)
    assert await told(changes, 2) == ["token_removed Token 00 00", "reader_removed Token 00 00"]


async def test_a_token_changed_for_another_in_no_time_left_and_came(
    service: Service, changes: AsyncIterator[Change]
) -> None:
    service.set("Token 00 00", 1, PRESENT)
    assert await told(changes, 2) == ["reader_added Token 00 00", "token_inserted Token 00 00"]
    service.set("Token 00 00", 3, PRESENT)
    assert await told(changes, 2) == ["token_removed Token 00 00", "token_inserted Token 00 00"]


async def test_another_program_that_uses_the_token_is_no_change(
    service: Service, changes: AsyncIterator[Change]
) -> None:
    service.set("Token 00 00", 1, PRESENT)
    assert await told(changes, 2) == ["reader_added Token 00 00", "token_inserted Token 00 00"]
    service.set("Token 00 00", 1, PRESENT | 0x100)  # SCARD_STATE_INUSE
    service.set("Other 00 00", 0)
    assert await told(changes) == ["reader_added Other 00 00"]


async def test_a_card_that_does_not_answer_is_no_token(service: Service, changes: AsyncIterator[Change]) -> None:
    service.set("Token 00 00", 1, PRESENT | 0x200)  # SCARD_STATE_MUTE
    service.set("Other 00 00", 0)
    assert await told(changes, 2) == ["reader_added Token 00 00", "reader_added Other 00 00"]


async def test_every_listener_is_told(service: Service) -> None:
    watcher = watcher_of(service)
    async with watcher.changes() as first, watcher.changes() as second:
        service.set("Token 00 00", 0)
        assert await told(first) == await told(second) == ["reader_added Token 00 00"]


def test_the_thread_waits_and_does_not_ask_again_and_again(service: Service) -> None:
    words: list[Any] = []
    here = threading.Event()
    library: Any = service

    def tell(readers: Any) -> None:
        words.append(readers)
        here.set()

    thread = ReaderThread(library, tell)
    thread.start()
    assert here.wait(10)
    threading.Event().wait(0.3)
    thread.stop()
    assert words == [{}]
    assert service.waits <= 3
