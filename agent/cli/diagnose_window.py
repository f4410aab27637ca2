"""`pero diagnose --window`: the doctor's window, and what happens behind it: looking, mending, saving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import diagnose_files, mending
from agent.cli.context import Context, advice
from agent.desktop import doctor_messages
from agent.desktop.window_process import WindowProcess, open_window
from agent.diagnostics import history_lines, report
from agent.diagnostics.mending import offering
from agent.errors import PeroError, Refused, WindowClosed
from agent.texts.catalogue import text
from agent.texts.errors import error_text

if TYPE_CHECKING:
    from agent.diagnostics.base import Finding
    from agent.diagnostics.mending.base import Offer

    Look = Callable[[], Awaitable[list[Finding]]]


class Doctor:
    """One open window, and what was found last."""

    def __init__(self, context: Context, window: WindowProcess, look: Look) -> None:
        self._context = context
        self._window = window
        self._look = look
        self._ground = mending.ground(context)
        self._offers: dict[str, Offer] = {}
        self.findings: list[Finding] = []

    async def serve(self) -> None:
        """Until the person closes the window."""
        await self._examine()
        while True:
            try:
                said = await self._window.said()
            except (Refused, WindowClosed):
                return
            if isinstance(said, doctor_messages.ExamineAgain):
                await self._examine()
            elif isinstance(said, doctor_messages.MendThis):
                await self._mend(said.remedy)
            elif isinstance(said, doctor_messages.SaveReport):
                await self._save(Path(said.path))

    async def _examine(self) -> None:
        await self._window.tell(doctor_messages.Examining())
        self.findings = await self._look()
        entries = diagnose_files.remember(self._context, self.findings)
        self._offers = {one.remedy: one for one in await offering.offer(self.findings, self._ground)}
        language = self._context.language
        since = [line for _kind, line in history_lines.last_worked(self.findings, entries, language)]
        await self._window.tell(
            doctor_messages.Examined(
                summary=report.summary(self.findings, language),
                rows=tuple(self._row(finding) for finding in report.worst_first(self.findings)),
                repairs=tuple(self._repair(one) for one in self._offers.values()),
                since=tuple(since),
            )
        )

    async def _mend(self, remedy: str) -> None:
        offered = self._offers.get(remedy)
        if offered is None:
            return
        try:
            await offering.perform(offered, self._ground)
        except PeroError as error:
            await self._say_error(error)
        else:
            await self._say("information", self._context.text("doctor.mended"))
        await self._examine()

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
        await self._window.tell(doctor_messages.Told("error" if kind == "error" else "information", words))

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


async def show(context: Context, look: Look) -> Sequence[Finding]:
    """Open the window and serve it; what was found last. Raises WindowUnavailable."""
    async with open_window(doctor_messages.ShowDoctor(context.language), context.environment) as window:
        doctor = Doctor(context, window, look)
        await doctor.serve()
    return doctor.findings
