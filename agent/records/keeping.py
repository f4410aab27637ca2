"""How long entries stay in the journal: what is older than the administrator's days goes to an archive, day by day."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.config import Locations
from agent.errors import Fact, JournalTampered, PeroError
from agent.journal import Journal
from agent.policy import Policy
from agent.records.archive import archive
from agent.records.index import Index

EVERY = 24 * 3600.0  # seconds between two looks for old entries
_SLICE = 0.2  # seconds that the index is written at a time; others get their turn between

_log = logging.getLogger("pero.journal")


def archive_folder(policy: Policy, places: Locations) -> Path:
    return Path(policy.journal_archive) if policy.journal_archive else places.journal_archive


class Keeper:
    """At the agent's start, and each day: the index is brought up to date, old entries are archived.

    `failed` hears, as the kind and the facts of a notification, why entries could not be archived; they stay in the
    journal then.
    """

    def __init__(
        self,
        journal: Journal,
        index: Index,
        days: int | None,
        folder: Path,
        now: Callable[[], datetime],
        failed: Callable[[str, dict[str, Fact]], None],
    ) -> None:
        self._journal = journal
        self._index = index
        self._days = days
        self._folder = folder
        self._now = now
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        try:
            while await asyncio.to_thread(self._index.update, _SLICE):  # noqa: ASYNC110 - a rest between two pieces
                await asyncio.sleep(_SLICE)
            if self._days is not None:
                await asyncio.to_thread(self._archive, self._days)
        except PeroError as error:
            _log.error("journal_unarchived error=%s", error.name)
            if isinstance(error, JournalTampered):
                self._failed("journal_tampered", dict(error.facts))
            else:
                self._failed("journal_unarchived", {"folder": str(self._folder)})

    def _archive(self, days: int) -> None:
        before = self._now().astimezone(UTC) - timedelta(days=days)
        if made := archive(self._journal, self._folder, f"{before:%Y-%m-%dT%H:%M:%S.000Z}"):
            _log.info("journal_archived first=%d last=%d", made.first, made.last)
