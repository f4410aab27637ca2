"""What was last learned of certificates from those who revoke: remembered, so that it can be shown without asking.

Nothing is decided by it: whoever signs or verifies asks anew. The file may be lost or damaged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.config import write_private
from agent.errors import FileUnwritable

MOST = 1000  # certificates that are remembered; those that were asked about last
MAX_FILE = 1 << 20  # bytes
AGAIN = timedelta(hours=1)  # the same answer is written down as often: a batch asks for each document
SLACK = timedelta(days=1)  # by which an answer may lie in the future: a clock that was put right

_log = logging.getLogger("pero.trust")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one certificate. Times are UTC."""

    state: Literal["good", "revoked"]
    checked: Moment
    revoked_at: Moment | None = None
    reason: str = ""  # of status.REASONS


class States:
    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()  # answers are read in threads
        self._states: dict[str, State] | None = None

    def of(self, thumbprint: str) -> State | None:
        """None: nobody was asked. An answer of a clock that was far ahead is none, but for a revocation."""
        with self._lock:
            found = self._loaded().get(thumbprint)
        if found is None or (found.state == "good" and found.checked > self._now() + SLACK):
            return None
        return found

    def good(self, thumbprint: str) -> None:
        self._learn(thumbprint, State("good", self._now()))

    def revoked(self, thumbprint: str, moment: datetime, reason: str) -> None:
        self._learn(thumbprint, State("revoked", self._now(), moment, reason))

    def _learn(self, thumbprint: str, state: State) -> None:
        with self._lock:
            states = self._loaded()
            known = states.get(thumbprint)
            if known is not None and known.state == state.state and abs(state.checked - known.checked) < AGAIN:
                return
            states.pop(thumbprint, None)
            states[thumbprint] = state
            while len(states) > MOST:
                del states[next(iter(states))]
            try:
                write_private(self._path, msgspec.json.encode(states))
            except FileUnwritable as error:
                _log.warning("states_unwritable reason=%s", error.facts["reason"])

    def _loaded(self) -> dict[str, State]:
        if self._states is None:
            self._states = self._load()
        return self._states

    def _load(self) -> dict[str, State]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_FILE), type=dict[str, State])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {}
