"""Options of `pero diagnose` for repairs and for administrators' tools, handed over as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from agent.cli.context import Context
from agent.cli.output import plain


class Further(NamedTuple):
    mend: bool
    only: tuple[str, ...]  # ids of checks that are mended; empty: all
    undo: bool
    prometheus: str | None  # file for the node exporter
    otlp: str | None  # address of a collector
    log: bool  # into the log of the system

    @property
    def exports(self) -> bool:
        return self.prometheus is not None or self.otlp is not None or self.log


_OPTIONS = (
    click.option("--mend", is_flag=True, help="command.diagnose.option.mend"),
    click.option("--only", multiple=True, help="command.diagnose.option.only"),
    click.option("--undo", is_flag=True, help="command.diagnose.option.undo"),
    click.option("--prometheus", type=click.Path(), help="command.diagnose.option.prometheus"),
    click.option("--otlp", help="command.diagnose.option.otlp"),
    click.option("--log", is_flag=True, help="command.diagnose.option.log"),
)


def further_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command gets them as `further`."""

    @functools.wraps(command)
    def collected(*arguments: Any, **options: Any) -> Any:
        further = Further(**{name: options.pop(name) for name in Further._fields})
        _check(click.get_current_context().obj, further)
        return command(*arguments, further=further, **options)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _check(context: Context, further: Further) -> None:
    """Raises UsageError where options do not go together, or where `--only` names no check."""
    if (further.only and not further.mend) or (further.mend and further.undo):
        raise click.UsageError(context.text("mend.together"))
    for identifier in further.only:
        if identifier not in _checks():
            raise click.UsageError(context.text("mend.unknown_check", id=plain(identifier)))


def _checks() -> set[str]:
    from agent.diagnostics.checks import CHECKS  # late: most runs of the command line need none of them

    return {check.id for check in CHECKS}
