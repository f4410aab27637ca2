"""`pero diagnose --window`: the doctor's window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.cli import doctor
from agent.cli.context import Context
from agent.desktop import doctor_messages
from agent.desktop.window_process import open_window

if TYPE_CHECKING:
    from agent.desktop.doctor_messages import Scope
    from agent.diagnostics.base import Finding


async def show(context: Context, areas: tuple[str, ...]) -> Sequence[Finding]:
    """Open the window and serve it; what was found last. Raises WindowUnavailable."""

    async def look(scope: Scope, told: doctor.Told) -> list[Finding]:
        return await doctor.look(context, areas, scope, told)

    async with open_window(doctor_messages.ShowDoctor(context.language), context.environment) as window:
        one = doctor.Doctor(context, window, look)
        await one.serve("full")
    return one.findings
