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


_OPTIONS = (
    click.option("--mend", is_flag=True, help="command.diagnose.option.mend"),
    click.option("--only", multiple=True, help="command.diagnose.option.only"),
    click.option("--undo", is_flag=True, help="command.diagnose.option.undo"),
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
