"""The quick look: local checks that take no network and little time, made inside the agent.

For the popup of the extension, and for the one finding that explains why a page's request failed. A run is shared by
those who ask before it begins, and explains errors while it lasts and shortly after: a page that fails often does not
make the machine be looked at as often.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the checks are imported when somebody asks: an agent that starts has no time for them
    from agent.diagnostics.base import Check, Finding
    from agent.diagnostics.probe import Probe

FRESH = 2.0  # seconds for which a run explains further errors
DEADLINE = 5.0  # seconds for each check of the quick look
EXPLAINED_WITHIN = 2.0  # seconds that a failed request waits for its explanation

QUICK = (
    "pcsc.service", "pcsc.readers", "hardware.usb", "hardware.reader", "modules.loadable", "tokens.seen", "tokens.pin",
    "certificates.usable", "browsers.manifests", "agent.running", "agent.port", "agent.files",
)  # fmt: skip

_NO_TOKEN = ("pcsc.service", "pcsc.readers", "hardware.reader", "modules.loadable", "tokens.seen")
# Which findings can explain an error, the deepest cause first. An error that is not here explains itself, or lies
# with the person or the page.
EXPLAINING: Mapping[str, tuple[str, ...]] = {
    "no_certificate": (*_NO_TOKEN, "certificates.usable"),
    "token_absent": _NO_TOKEN,
    "token_failed": ("pcsc.service", "pcsc.readers", "modules.loadable", "tokens.seen", "tokens.pin"),
    "worker_died": ("modules.loadable", "pcsc.service"),
    "worker_hung": ("modules.loadable", "pcsc.service"),
    "module_unloadable": ("modules.loadable",),
    "module_forbidden": ("modules.loadable",),
    "pin_locked": ("tokens.pin",),
    "pin_not_set": ("tokens.pin",),
    "pin_invalid": ("tokens.pin",),
    "key_absent": ("certificates.usable",),
    "certificate_unusable": ("certificates.usable",),
    "state_unsafe": ("agent.files",),
}

Open = Callable[[], AbstractAsyncContextManager["Probe"]]


class QuickLook:
    """`machine` opens the machine as this agent sees it; None (tests, commands): nothing is looked at."""

    def __init__(self, machine: Open | None = None, checks: tuple[Check, ...] = ()) -> None:
        self._machine = machine
        self._checks = checks  # empty: all that there are
        self._run: asyncio.Task[list[Finding]] | None = None
        self._begun = 0.0
        self._closed = False
        self._listeners: list[Callable[[list[Finding]], None]] = []

    def listen(self, told: Callable[[list[Finding]], None]) -> None:
        """`told` is called with what each run found."""
        self._listeners.append(told)

    async def findings(self, age: float = 0.0) -> list[Finding]:
        """Those of the checks in QUICK, in the order of the table, of a run that began at most `age` seconds ago.

        What a person mended while a run lasts is seen: those who ask meanwhile share the one after it.
        """
        if self._machine is None:
            return []
        wanted = time.monotonic() - age
        while self._run is None or self._run.cancelled() or self._begun < wanted:
            if self._closed:
                return []
            if self._run is None or self._run.done():
                self._begun = math.inf  # until it begins
                self._run = asyncio.create_task(self._look(self._machine))
            else:
                await asyncio.wait([self._run])
        return await asyncio.shield(self._run)

    async def explains(self, error: str) -> str:
        """The id of the finding that explains an error of this name; empty where none does, or none in time."""
        candidates = EXPLAINING.get(error, ())
        if not candidates:
            return ""
        try:
            async with asyncio.timeout(EXPLAINED_WITHIN):
                found = await self.findings(FRESH)
        except TimeoutError:
            return ""
        wrong = {finding.id for finding in found if finding.status in ("error", "warning")}
        return next((identifier for identifier in candidates if identifier in wrong), "")

    async def close(self) -> None:
        """End a run that nobody will hear of."""
        self._closed = True
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait([self._run])

    async def _look(self, machine: Open) -> list[Finding]:
        from agent.diagnostics import base
        from agent.diagnostics.checks import CHECKS

        self._begun = time.monotonic()
        async with machine() as probe:
            found = await base.run(self._checks or CHECKS, probe, DEADLINE, only=QUICK)
        for told in self._listeners:
            told(found)
        return found
