"""`pero diagnose`: what is wrong on this machine, and how to mend it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.diagnose_options import Further, further_options
from agent.cli.exits import Exit
from agent.diagnostics.base import AREAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.diagnostics.base import Finding
    from agent.diagnostics.history import Entry

STYLES = {"area": "bold", "ok": "green", "warning": "yellow", "error": "bold red", "unknown": "cyan", "why": "dim",
           "summary": "bold"}  # fmt: skip


@click.command(help="command.diagnose.help")
@click.option("--area", "areas", type=click.Choice(AREAS), multiple=True, help="command.diagnose.option.area")
@click.option("--html", "page_path", type=click.Path(), help="command.diagnose.option.html")
@click.option("--bundle", "bundle_path", type=click.Path(), help="command.diagnose.option.bundle")
@click.option("--history", is_flag=True, help="command.diagnose.option.history")
@click.option("--window", is_flag=True, help="command.diagnose.option.window")
@click.option("--yes", is_flag=True, help="command.diagnose.option.yes")
@further_options
@json_option
@click.pass_obj
def command(
    context: Context,
    areas: tuple[str, ...],
    page_path: str | None,
    bundle_path: str | None,
    history: bool,
    window: bool,
    yes: bool,
    as_json: bool,
    further: Further,
) -> int:
    from agent.cli import diagnose_files, mending

    if further.undo:
        return Exit.OK if context.run(mending.undo(context, agreed=yes)) else Exit.NEGATIVE
    if window:
        from agent.cli import diagnose_window

        return _exit(context.run(diagnose_window.show(context, areas)))
    begun = time.monotonic()
    findings = context.run(_found(context, areas))
    seconds = time.monotonic() - begun
    if further.mend:
        look = partial(_found, context)
        findings = context.run(mending.mend(context, findings, look, further.only, agreed=yes, quietly=as_json))
    entries = () if areas else diagnose_files.remember(context, findings)
    if further.exports:
        from agent.cli import diagnose_exports

        context.run(diagnose_exports.export(context, findings, further, seconds))
    elif page_path is not None:
        diagnose_files.write_page(context, findings, Path(page_path))
    elif bundle_path is not None:
        diagnose_files.write_bundle(context, findings, entries, Path(bundle_path), agreed=yes)
    elif history:
        _show_history(context, entries, as_json=as_json)
    else:
        _show(context, findings, entries, as_json=as_json)
    return _exit(findings)


def _show(context: Context, findings: Sequence[Finding], entries: Sequence[Entry], *, as_json: bool) -> None:
    from agent.diagnostics import history_lines, report

    if as_json:
        print_json(report.as_values(findings, context.language))
        return
    _say(report.as_lines(findings, context.language))
    _say(history_lines.last_worked(findings, entries, context.language))


def _show_history(context: Context, entries: Sequence[Entry], *, as_json: bool) -> None:
    from agent.diagnostics import history_lines

    if as_json:
        print_json(history_lines.as_values(entries, context.language))
    else:
        _say(history_lines.as_lines(entries, context.language))


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
        console.print(Text(line, style=STYLES.get(kind, "")))


async def _found(context: Context, areas: tuple[str, ...]) -> list[Finding]:
    from agent.cli import doctor

    return await doctor.look(context, areas)
