"""Signing is stopped until the person lets it go on: for work on somebody else's machine, or when a key may be lost.

The pause is a file in the state folder, so that it outlives the agent: whoever stopped signing does not want a restart
to take it up again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from agent.config import write_private
from agent.errors import FileUnwritable, SigningPaused


class Pause:
    """Whether signing is paused, and who wants to know of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listeners: list[Callable[[], None]] = []

    @property
    def active(self) -> bool:
        return self._path.exists()

    def begin(self, now: datetime) -> None:
        """Raises FileUnwritable: then signing is not paused."""
        write_private(self._path, f"{now:%Y-%m-%dT%H:%M:%SZ}\n".encode("ascii"))
        self._tell()

    def end(self) -> None:
        """Raises FileUnwritable: then signing stays paused."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise FileUnwritable(path=str(self._path), reason=error.strerror or "unwritable") from error
        self._tell()

    def check(self) -> None:
        """Raises SigningPaused."""
        if self.active:
            raise SigningPaused()

    def listen(self, told: Callable[[], None]) -> None:
        """`told` is called after each change."""
        self._listeners.append(told)

    def _tell(self) -> None:
        for told in self._listeners:
            told()
