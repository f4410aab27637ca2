"""`pero watch`: each step from the plug to the certificate, live."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from agent import config
from agent.cli.context import Context, json_option
from agent.cli.diagnose import STYLES
from agent.cli.exits import Exit

if TYPE_CHECKING:
    from rich.text import Text

    from agent.diagnostics.base import Finding


@click.command(help="command.watch.help")
@click.option("--ready", is_flag=True, help="command.watch.option.ready")
@json_option
@click.pass_obj
def command(context: Context, ready: bool, as_json: bool) -> int:
    seen: list[Finding] = []
    try:
        context.run(_watch(context, seen, until_ready=ready, as_json=as_json))
    except KeyboardInterrupt:  # how a watch ends
        print(file=sys.stderr)
    from agent.diagnostics.watching import ready as stands

    return Exit.OK if stands(seen) else Exit.NEGATIVE


async def _watch(context: Context, seen: list[Finding], *, until_ready: bool, as_json: bool) -> None:
    """`seen` holds the last round, also when this is interrupted."""
    from agent.diagnostics import watching
    from agent.diagnostics.probe import Machine

    def machine() -> Machine:
        return Machine(context.locations, context.environment, context.session, config.VERSION)

    with _screen(context, as_json=as_json) as screen:
        async with contextlib.aclosing(watching.rounds(machine)) as rounds:
            async for findings in rounds:
                screen.show(findings)
                seen[:] = findings
                if until_ready and watching.ready(findings):
                    return


class _Lines:
    """What is new in each round, line by line: for files, pipes and programs."""

    def __init__(self, context: Context, *, as_json: bool) -> None:
        self._context = context
        self._as_json = as_json
        self._shown: set[Any] = set()

    def show(self, findings: Sequence[Finding]) -> None:
        from agent.diagnostics import report

        language = self._context.language
        rows = [
            (finding, report.wording(finding, language)) for finding in findings if finding.status != "not_applicable"
        ]
        now = {(finding.id, finding.case, words) for finding, words in rows}
        moment = datetime.now().astimezone()
        for finding, words in rows:
            if (finding.id, finding.case, words) not in self._shown:
                if self._as_json:
                    row = {"time": f"{moment:%Y-%m-%dT%H:%M:%S%z}", "id": finding.id, "case": finding.case,
                           "status": finding.status, "text": words}  # fmt: skip
                    print(json.dumps(row, ensure_ascii=False), flush=True)
                else:
                    print(f"{moment:%H:%M:%S} [{report.MARKS[finding.status]}] {words}", flush=True)
        self._shown = now


class _Live:
    """The whole way, redrawn in its place."""

    def __init__(self, context: Context, live: Any) -> None:
        self._context = context
        self._live = live

    def show(self, findings: Sequence[Finding]) -> None:
        self._live.update(_drawn(findings, self._context), refresh=True)


@contextlib.contextmanager
def _screen(context: Context, *, as_json: bool) -> Any:
    if as_json or not sys.stdout.isatty():
        yield _Lines(context, as_json=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False, emoji=False, markup=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield _Live(context, live)


def _drawn(findings: Sequence[Finding], context: Context) -> Text:
    """Each step with its mark and colour; advice below what is not well."""
    from rich.text import Text

    from agent.diagnostics import report, watching

    drawn = Text()
    drawn.append(context.text("watch.title") + "\n", style="bold")
    for step in watching.STEPS:
        for finding in (one for one in findings if one.id == step):
            style = STYLES.get(finding.status, "dim")
            drawn.append(f"[{report.MARKS[finding.status]}] {report.wording(finding, context.language)}\n", style=style)
            said = report.advice(finding, context.language)
            if said:
                drawn.append(f"    {said}\n")
    drawn.append(context.text("watch.end"), style="dim")
    return drawn
