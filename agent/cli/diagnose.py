"""`pero diagnose`: what is wrong on this machine, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent import config
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.diagnostics.base import AREAS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.diagnostics.base import Finding

_STYLES = {"area": "bold", "ok": "green", "warning": "yellow", "error": "bold red", "unknown": "cyan", "why": "dim",
           "summary": "bold"}  # fmt: skip


@click.command(help="command.diagnose.help")
@click.option("--area", "areas", type=click.Choice(AREAS), multiple=True, help="command.diagnose.option.area")
@json_option
@click.pass_obj
def command(context: Context, areas: tuple[str, ...], as_json: bool) -> int:
    from agent.diagnostics import report

    findings = context.run(_found(context, areas))
    if as_json:
        print_json(report.as_values(findings, context.language))
    else:
        _say(report.as_lines(findings, context.language))
    return _exit(findings)


def _exit(findings: Iterable[Finding]) -> Exit:
    """0 well, 1 warnings, 2 errors."""
    statuses = {finding.status for finding in findings}
    if "error" in statuses:
        return Exit.UNDECIDED
    return Exit.NEGATIVE if "warning" in statuses else Exit.OK


def _say(lines: Iterable[tuple[str, str]]) -> None:
    """On stdout: coloured on a terminal that shows colours (NO_COLOR is heeded), plain elsewhere."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
    for kind, line in lines:
        console.print(Text(line, style=_STYLES.get(kind, "")))


async def _found(context: Context, areas: tuple[str, ...]) -> list[Finding]:
    from agent.diagnostics import base
    from agent.diagnostics.checks import CHECKS
    from agent.diagnostics.probe import Machine

    async with Machine(context.locations, context.environment, context.session, config.VERSION) as machine:
        return await base.run(CHECKS, machine, areas=areas)
