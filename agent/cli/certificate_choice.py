"""On the terminal: what is about to be signed and with what; where several certificates fit, which."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.cli.context import Context
from agent.cli.listing import summary
from agent.cli.signature_options import offer_of

if TYPE_CHECKING:
    from agent.app import Call


async def chosen(
    context: Context, call: Call, parameters: dict[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """The parameters with the certificate. `say` is told which one in words, before it signs."""
    listed = (await call("certificates", offer_of(parameters)))["certificates"]
    named = parameters.get("certificate")
    fitting = [row for row in listed if not row["misfits"] and (row["thumbprint"] == named if named else _can(row))]
    if not fitting:
        return parameters  # the answer to it says what is the matter
    row = fitting[0] if len(fitting) == 1 else _pick(context, fitting)
    say(summary(row))
    return {**parameters, "certificate": row["thumbprint"]}


def _can(row: dict[str, Any]) -> bool:
    return not row["problems"]


def _pick(context: Context, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask on the terminal for one of the rows, until a number of the list or nothing is typed.

    Blocks the loop, in which nothing else runs now: so Ctrl-C has to end the reading itself. Raises Refused.
    """
    from agent.cli.terminal import Terminal
    from agent.errors import Refused

    terminal = Terminal()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number, row in enumerate(rows, 1):
            terminal.write(f"{number:>3}  {summary(row)}\n")
        while True:
            terminal.write(context.text("sign.which") + " ")
            answer = (terminal.read_line() or bytearray()).decode(errors="replace").strip()
            if not answer:
                raise Refused()
            if answer.isdecimal() and 1 <= int(answer) <= len(rows):
                return rows[int(answer) - 1]
            terminal.write(context.text("sign.no_such_number", number=len(rows)) + "\n")
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.close()
