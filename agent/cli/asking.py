"""Who gives the PIN to a command: a descriptor (`--pin-fd`), the window, or the terminal. The command never reads it
from a descriptor, and sees it only where it is typed on the terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import click

from agent.cli.context import Context

if TYPE_CHECKING:
    from agent.transport.client import PinChoice

Kind = Literal["window", "terminal", "descriptor"]


_LAST_TRY = "pero.last_try"  # in the command's context: a descriptor may spend the last try


def _remember_last_try(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    context.meta[_LAST_TRY] = value


def pin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--pin-fd`, `--last-try` and `--ask`; the command gets `pin_fd` and `ask`."""
    choice = click.Choice(["window", "terminal"])
    command = click.option(
        "--last-try", is_flag=True, expose_value=False, callback=_remember_last_try, help="option.last_try"
    )(command)
    command = click.option("--ask", type=choice, hidden=True, help="option.ask")(command)
    return click.option("--pin-fd", type=int, metavar="N", help="option.pin_fd")(command)


def kind_of(context: Context, ask: str | None, pin_fd: int | None) -> Kind:
    """Which way the PIN comes. Raises click.UsageError where both ways are told, or the descriptor is not open."""
    if pin_fd is not None and ask is not None:
        raise click.UsageError(context.text("asking.both"))
    if pin_fd is not None:
        _check_open(context, pin_fd)
        return "descriptor"
    if ask == "window" or (ask is None and _has_display(context)):
        return "window"
    return "terminal"


@contextlib.contextmanager
def asking(context: Context, kind: Kind, pin_fd: int | None, question: str) -> Iterator[PinChoice]:
    """The choice for `Context.session`, valid until the block ends.

    `question`: key of what the terminal asks. Raises WindowUnavailable where there is no terminal to ask on.
    """
    from agent.transport.client import PinChoice

    if kind == "terminal":
        from agent.cli.terminal import conversing

        with conversing(context, question) as descriptor:
            yield PinChoice("terminal", descriptor)
    elif kind == "descriptor" and pin_fd is not None:
        yield PinChoice("descriptor", pin_fd, bool(click.get_current_context().meta.get(_LAST_TRY)))
    else:
        yield PinChoice("window")


def _check_open(context: Context, pin_fd: int) -> None:
    try:
        os.fstat(pin_fd)
    except OSError as error:
        raise click.UsageError(context.text("asking.descriptor_closed", number=pin_fd)) from error


def _has_display(context: Context) -> bool:
    return bool(context.environment.get("DISPLAY") or context.environment.get("WAYLAND_DISPLAY"))
