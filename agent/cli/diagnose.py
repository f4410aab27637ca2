"""`pero diagnose`: what is wrong on this machine, and how to mend it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent import config
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import plain, say
from agent.diagnostics.base import AREAS
from agent.errors import FileUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.diagnostics.base import Finding

_STYLES = {"area": "bold", "ok": "green", "warning": "yellow", "error": "bold red", "unknown": "cyan", "why": "dim",
           "summary": "bold"}  # fmt: skip


@click.command(help="command.diagnose.help")
@click.option("--area", "areas", type=click.Choice(AREAS), multiple=True, help="command.diagnose.option.area")
@click.option("--html", "page_path", type=click.Path(), help="command.diagnose.option.html")
@click.option("--bundle", "bundle_path", type=click.Path(), help="command.diagnose.option.bundle")
@click.option("--yes", is_flag=True, help="command.diagnose.option.yes")
@json_option
@click.pass_obj
def command(
    context: Context, areas: tuple[str, ...], page_path: str | None, bundle_path: str | None, yes: bool, as_json: bool
) -> int:
    from agent.diagnostics import report

    findings = context.run(_found(context, areas))
    if page_path is not None:
        _write_page(context, findings, Path(page_path))
    elif bundle_path is not None:
        _write_bundle(context, findings, Path(bundle_path), agreed=yes)
    elif as_json:
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


def _write_page(context: Context, findings: list[Finding], path: Path) -> None:
    from agent.diagnostics.page import as_html

    _write(path, as_html(findings, context.language, _machine(context)).encode())


def _write_bundle(context: Context, findings: list[Finding], path: Path, *, agreed: bool) -> None:
    """Shown first, to the last letter; saved where the person agrees."""
    from agent.diagnostics import bundle

    shown = bundle.content(findings, _machine(context))
    say(shown)
    if agreed or click.confirm(context.text("report.save_bundle", path=plain(path))):
        _write(path, bundle.packed(shown))


def _write(path: Path, content: bytes) -> None:
    """A new file, for this user alone: nothing is overwritten."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


def _machine(context: Context) -> dict[str, str]:
    from datetime import UTC, datetime

    from agent.diagnostics.probes.system import LinuxSystem

    return {
        "Pero": config.VERSION,
        "system": LinuxSystem(context.environment).name(),
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


async def _found(context: Context, areas: tuple[str, ...]) -> list[Finding]:
    from agent.diagnostics import base
    from agent.diagnostics.checks import CHECKS
    from agent.diagnostics.probe import Machine

    async with Machine(context.locations, context.environment, context.session, config.VERSION) as machine:
        return await base.run(CHECKS, machine, areas=areas)
