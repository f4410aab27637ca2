"""Whether signing works on this machine, as the quick look of the doctor last saw it: one sentence for the icon.

Nothing is looked at for its own sake: runs that others ask for are heard (the extension, a request that failed), and
one is asked for where something happened to readers. Only while something is wrong it is looked at again, once a
minute, so that the icon does not tell of what was mended long ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.diagnostics.quick import QuickLook

if TYPE_CHECKING:
    from agent.diagnostics.base import Finding

TELLING = frozenset(  # that no token is in is no trouble
    {"pcsc.service", "pcsc.readers", "modules.loadable", "agent.files", "agent.port"}
)
AGAIN = 60.0  # seconds between two looks while something is wrong


class Troubles:
    """`changed` is called when `words` would say something else."""

    def __init__(self, look: QuickLook, changed: Callable[[], None]) -> None:
        self._look = look
        self._changed = changed
        self._worst: Finding | None = None
        self._running: asyncio.Task[None] | None = None
        look.listen(self._hear)

    def words(self, language: str) -> str:
        """What is wrong; empty where nothing is known to be."""
        if self._worst is None:
            return ""
        from agent.diagnostics import report

        return report.wording(self._worst, language)

    def look(self) -> None:
        """Something happened that may be trouble, or its end."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._until_well())

    async def close(self) -> None:
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _until_well(self) -> None:
        while True:
            await self._look.findings()
            if self._worst is None:
                return
            await asyncio.sleep(AGAIN)

    def _hear(self, findings: list[Finding]) -> None:
        worst = next((one for one in findings if one.status == "error" and one.id in TELLING), None)
        if worst == self._worst:
            return
        self._worst = worst
        self._changed()
        if worst is not None:
            self.look()
