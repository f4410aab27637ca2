"""Telling the person of passphrases of key files that are old or easy to guess, never in a quiet hour (R39)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from agent.care.passphrases import Due, Passphrases
from agent.config import Settings
from agent.desktop.expiry import local_now
from agent.errors import Fact, JournalUnwritable, SettingsDamaged
from agent.journal import Journal
from agent.signing.expiry import is_quiet

LOOK = 3600.0  # seconds between two looks: an idle agent wakes seldom
AT_ONCE = 3  # that many notifications; the others wait for the next look

Notify = Callable[[str, dict[str, Fact], tuple[tuple[str, str], ...]], Awaitable[None]]

_log = logging.getLogger("pero.care")


class PassphraseReminders:
    """`local` is the clock of the wall, for the quiet hours."""

    def __init__(
        self,
        passphrases: Passphrases,
        settings: Callable[[], Settings],
        notify: Notify,
        journal: Journal,
        local: Callable[[], datetime] = local_now,
    ) -> None:
        self._passphrases = passphrases
        self._settings = settings
        self._notify = notify
        self._journal = journal
        self._local = local
        self._woken = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._telling = asyncio.create_task(self._keep_telling())

    def wake(self) -> None:
        """Settings were changed: look now."""
        self._woken.set()

    async def close(self) -> None:
        if self._telling:
            self._telling.cancel()
            await asyncio.wait([self._telling])

    async def tell(self) -> None:
        """What is due now, unless it is a quiet hour: then it stays due."""
        try:
            settings = self._settings()
        except SettingsDamaged:
            settings = Settings()
        if is_quiet(settings.quiet_hours, self._local().time()):
            return
        due = (await asyncio.to_thread(self._passphrases.due, settings.passphrase_days))[:AT_ONCE]
        if due:
            await asyncio.to_thread(self._passphrases.told, due)
        for one in due:
            await self._tell_of(one)

    async def _tell_of(self, one: Due) -> None:
        facts: dict[str, Fact] = {"file": one.file.about.file, "days": one.days}
        await self._notify(one.kind, facts, (("open:care", "notice.action.care"),))
        recorded: dict[str, Fact] = {"certificate": one.file.thumbprint, "reason": one.kind, "days": one.days}
        try:
            self._journal.note("passphrase_reminded", recorded)
        except JournalUnwritable:
            _log.warning("reminder_unrecorded")

    async def _keep_telling(self) -> None:
        while True:
            self._woken.clear()
            await self.tell()
            try:
                async with asyncio.timeout(LOOK):
                    await self._woken.wait()
            except TimeoutError:
                continue
