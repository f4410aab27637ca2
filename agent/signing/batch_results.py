"""What becomes of the documents of a batch: first written to the journal, many with one wait; then given."""

from __future__ import annotations

import asyncio
import hashlib
import time

from agent.consent.prompter import Progress
from agent.errors import Fact, JournalUnwritable, PeroError
from agent.journal import Journal
from agent.signing.batch_request import Deliver
from agent.signing.request import SignResult

MOST = 200  # results that are kept back
LONGEST = 0.2  # seconds that one is kept back


class BatchResults:
    """`entry`: number of the intention. `changed` is set after each lot that was given out."""

    def __init__(self, journal: Journal, entry: int, deliver: Deliver, count: int) -> None:
        self._journal = journal
        self._entry = entry
        self._deliver = deliver
        self.changed = asyncio.Event()
        self._lot: list[tuple[int, SignResult | PeroError]] = []
        self._since = time.monotonic()
        self._settled: set[int] = set()
        self._count = count
        self._untold: list[tuple[int, bool]] = []
        self.signed = 0
        self.failed = 0

    def progress(self) -> Progress:
        """Those that were given out since it was asked for last are named once."""
        untold, self._untold = self._untold, []
        signed = tuple(index for index, is_signed in untold if is_signed)
        failed = tuple(index for index, is_signed in untold if not is_signed)
        return Progress(self.signed, self.failed, self._count, signed, failed)

    @property
    def left(self) -> list[int]:
        """Numbers of those of which nothing has become yet."""
        return [index for index in range(self._count) if index not in self._settled]

    def add(self, index: int, outcome: SignResult | PeroError) -> None:
        """Raises JournalUnwritable: then nothing of the lot leaves, and all of it is left to be done."""
        if not self._lot:
            self._since = time.monotonic()
        self._settled.add(index)
        self._lot.append((index, outcome))
        if isinstance(outcome, PeroError):
            self.failed += 1
        else:
            self.signed += 1
        if len(self._lot) >= MOST or time.monotonic() - self._since > LONGEST:
            self.flush()

    def flush(self) -> None:
        lot, self._lot = self._lot, []
        if not lot:
            return
        try:
            self._journal.note_all("batch_result", [self._facts(index, outcome) for index, outcome in lot])
        except JournalUnwritable:
            self._undo(lot)
            raise
        for index, outcome in lot:
            self._deliver(index, outcome)
            self._untold.append((index, isinstance(outcome, SignResult)))
        self.changed.set()

    def _undo(self, lot: list[tuple[int, SignResult | PeroError]]) -> None:
        """What does not leave has not become anything: it can be signed anew."""
        self._settled.difference_update(index for index, _ in lot)
        failed = sum(isinstance(outcome, PeroError) for _, outcome in lot)
        self.failed -= failed
        self.signed -= len(lot) - failed

    def _facts(self, index: int, outcome: SignResult | PeroError) -> dict[str, Fact]:
        facts: dict[str, Fact] = {"entry": self._entry, "index": index}
        if isinstance(outcome, PeroError):
            return {**facts, "outcome": outcome.name}
        signature = f"sha256:{hashlib.sha256(outcome.signature).hexdigest()}"
        return {**facts, "outcome": "signed", "signature": signature, "level": outcome.options.level}
