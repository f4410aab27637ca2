"""Telling the person in good time that a certificate ends: each threshold once, never in a quiet hour (R13)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from agent.config import Settings
from agent.errors import Fact, SettingsDamaged
from agent.signing.expiry import Due, Endings, is_quiet
from agent.texts.catalogue import text

LOOK = 1800.0  # seconds between two looks at the clock: an idle agent wakes seldom
ONE_BY_ONE = 3  # that many notifications at once; where more end, one tells of all

Notify = Callable[[str, dict[str, Fact], tuple[tuple[str, str], ...]], Awaitable[None]]


def local_now() -> datetime:
    return datetime.now().astimezone()


class Reminders:
    """`local` is the clock of the wall, for the quiet hours."""

    def __init__(
        self,
        endings: Endings,
        settings: Callable[[], Settings],
        notify: Notify,
        language: str,
        local: Callable[[], datetime] = local_now,
    ) -> None:
        self._endings = endings
        self._settings = settings
        self._notify = notify
        self.language = language
        self._local = local
        self._woken = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._endings.heard = self._woken.set
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
        due = self._endings.due(settings.expiry_thresholds)
        if not due:
            return
        self._endings.told(due)
        if len(due) > ONE_BY_ONE:
            await self._tell_of_many(due)
            return
        for one in due:
            await self._tell_of(one)

    async def _tell_of(self, one: Due) -> None:
        facts: dict[str, Fact] = {"owner": one.ending.owner, "days": one.days, "day": self._day(one)}
        await self._notify(one.kind, facts, (("open:certificates", "notice.action.certificates"),))

    async def _tell_of_many(self, due: Sequence[Due]) -> None:
        facts: dict[str, Fact] = {"number": len(due), "day": self._day(due[0])}
        await self._notify("many_end", facts, (("open:certificates", "notice.action.certificates"),))

    def _day(self, one: Due) -> str:
        return one.ending.end.strftime(text("notice.day", self.language))

    async def _keep_telling(self) -> None:
        while True:
            self._woken.clear()
            await self.tell()
            try:
                async with asyncio.timeout(LOOK):
                    await self._woken.wait()
            except TimeoutError:
                continue
