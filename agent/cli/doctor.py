"""What stands behind a window that shows what is wrong on this machine: looking, mending, saving.

The window speaks `doctor_messages`: that of `pero diagnose --window`, and Pero's own, for which `doctor_main` is a
process. A look can be broken off; a repair that was begun is ended, even where the window is gone meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from agent import config
from agent.cli import diagnose_files, mending
from agent.cli.context import Context, advice
from agent.desktop import doctor_messages
from agent.diagnostics import history_lines, report
from agent.diagnostics.base import DEADLINE, run
from agent.diagnostics.mending import offering
from agent.diagnostics.quick import DEADLINE as SOON
from agent.diagnostics.quick import QUICK
from agent.errors import PeroError, Refused, WindowClosed
from agent.texts.catalogue import text
from agent.texts.errors import error_text

if TYPE_CHECKING:
    from agent.desktop.doctor_messages import Scope
    from agent.diagnostics.base import Finding
    from agent.diagnostics.mending.base import Offer

    Told = Callable[[int, int], None]  # how many checks are done, of how many
    Look = Callable[[Scope, Told], Awaitable[list[Finding]]]

_FIRST_LOOK = (*QUICK, "time.clock", "time.zone", "browsers.extension")
SCOPES: dict[Scope, tuple[tuple[str, ...], float]] = {  # ids of checks (none: all), and seconds for each
    "full": ((), DEADLINE),
    "quick": (QUICK, SOON),
    "guide": (_FIRST_LOOK, 2 * SOON),
}


class Peer(Protocol):
    """The window at the other end."""

    async def said(self) -> Any:
        """The next thing it says. Raises Refused or WindowClosed where it says no more."""
        ...

    async def tell(self, message: doctor_messages.ToDoctor) -> None:
        """One that is gone does not hear it."""
        ...


async def look(
    context: Context, areas: tuple[str, ...] = (), scope: Scope = "full", told: Told | None = None
) -> list[Finding]:
    """This machine, as its checks see it."""
    from agent.diagnostics.checks import CHECKS
    from agent.diagnostics.probe import Machine

    only, deadline = SCOPES[scope]
    async with Machine(context.locations, context.environment, context.session, config.VERSION) as machine:
        return await run(CHECKS, machine, deadline, areas=areas, only=only, told=told)


class _Progress:
    """Tells the window how far a look is, and nothing more once it is over, however it ended."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._over = False
        self._telling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        if self._telling:
            await asyncio.wait(self._telling)

    def told(self, done: int, total: int) -> None:
        if not self._over:
            task = asyncio.create_task(self._peer.tell(doctor_messages.Examining(done, total)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)


class Doctor:
    """One open window, and what was found last."""

    def __init__(self, context: Context, peer: Peer, look: Look) -> None:
        self._context = context
        self._peer = peer
        self._look = look
        self._ground = mending.ground(context)
        self._offers: dict[str, Offer] = {}
        self._scope: Scope = "quick"
        self._work: asyncio.Task[None] | None = None
        self._mending = False
        self._gone = False
        self.findings: list[Finding] = []
        self.mended_alone = False  # the window went while something was being mended

    async def serve(self, first: Scope | None = None) -> None:
        """Until the window is gone. `first`: what is looked at before it asks."""
        ended: PeroError | None = None
        async with asyncio.TaskGroup() as group:
            if first is not None:
                self._begin(group, self._examine(first))
            try:
                while True:
                    await self._heed(group, await self._peer.said())
            except PeroError as error:
                ended, self._gone = error, True
                self.mended_alone = self._busy and self._mending
                await self._stop()
        if not isinstance(ended, Refused | WindowClosed):
            raise ended

    async def _heed(self, group: asyncio.TaskGroup, said: object) -> None:
        if isinstance(said, doctor_messages.StopExamining):
            await self._stop()
        elif self._busy:
            return  # the window's buttons are dead meanwhile
        elif isinstance(said, doctor_messages.ExamineAgain):
            self._begin(group, self._examine(said.scope))
        elif isinstance(said, doctor_messages.MendThis):
            offered = self._offers.get(said.remedy)
            self._mending = offered is not None  # from here on it is not broken off
            # What was offered by somebody else may be there still: it is looked for, and offered anew.
            self._begin(group, self._mend(offered) if offered is not None else self._examine(self._scope))
        elif isinstance(said, doctor_messages.SaveReport):
            await self._save(Path(said.path))

    @property
    def _busy(self) -> bool:
        return self._work is not None and not self._work.done()

    def _begin(self, group: asyncio.TaskGroup, work: Any) -> None:
        self._work = group.create_task(work)

    async def _stop(self) -> None:
        """Break a look off; a repair goes on."""
        if self._work is not None and self._busy and not self._mending:
            self._work.cancel()
            await asyncio.wait([self._work])
            await self._peer.tell(doctor_messages.Stopped())

    async def _examine(self, scope: Scope) -> None:
        self._scope = scope
        language = self._context.language
        await self._peer.tell(doctor_messages.Examining())
        try:
            async with _Progress(self._peer) as progress:
                found = await self._look(scope, progress.told)
            offers = {one.remedy: one for one in await offering.offer(found, self._ground)}
        except PeroError as error:
            await self._say_error(error)
            await self._peer.tell(doctor_messages.Stopped())
            return
        self.findings, self._offers = found, offers
        await self._peer.tell(
            doctor_messages.Examined(
                summary=report.summary(found, language),
                rows=tuple(self._row(one) for one in report.worst_first(found) if self._tells(one)),
                repairs=tuple(self._repair(one) for one in offers.values()),
                since=self._since(),
            )
        )

    def _tells(self, finding: Finding) -> bool:
        """What does not apply here is of use in a whole report only."""
        return self._scope == "full" or finding.status != "not_applicable"

    def _since(self) -> tuple[str, ...]:
        """What changed since it last worked; a look at a part of the machine is no part of its history."""
        if self._scope != "full":
            return ()
        entries = diagnose_files.remember(self._context, self.findings)
        return tuple(line for _, line in history_lines.last_worked(self.findings, entries, self._context.language))

    async def _mend(self, offered: Offer) -> None:
        try:
            await offering.perform(offered, self._ground)
        except PeroError as error:
            await self._say_error(error)
        else:
            await self._say("information", self._context.text("doctor.mended"))
        finally:
            self._mending = False
        if not self._gone:
            await self._examine(self._scope)

    async def _save(self, path: Path) -> None:
        try:
            diagnose_files.write_page(self._context, self.findings, path)
        except PeroError as error:
            await self._say_error(error)
        else:
            await self._say("information", self._context.text("doctor.saved", path=str(path)))

    async def _say_error(self, error: PeroError) -> None:
        language = self._context.language
        said = (error_text(error.name, language, error.facts), advice(error, language))
        await self._say("error", " ".join(part for part in said if part))

    async def _say(self, kind: str, words: str) -> None:
        with contextlib.suppress(ConnectionError):
            await self._peer.tell(doctor_messages.Told("error" if kind == "error" else "information", words))

    def _row(self, finding: Finding) -> doctor_messages.Row:
        language = self._context.language
        remedy = next((one.remedy for one in self._offers.values() if finding in one.findings), "")
        return doctor_messages.Row(
            id=finding.id,
            area=text(f"area.{finding.area}.title", language),
            status=finding.status,
            text=report.wording(finding, language),
            why=report.why(finding, language),
            advice=report.advice(finding, language),
            remedy=remedy,
        )

    def _repair(self, offered: Offer) -> doctor_messages.Mendable:
        title, *steps = offering.lines(offered, self._ground, self._context.language)
        return doctor_messages.Mendable(offered.remedy, title, tuple(steps), offered.administrator)
