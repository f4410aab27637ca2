"""Options of `pero diagnose` for repairs and for administrators' tools, handed over as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click


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
        taken = {name: options.pop(name) for name in Further._fields}
        return command(*arguments, further=Further(**taken), **options)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected
