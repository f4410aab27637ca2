"""`pero pause`: nothing is signed until `pero resume`, and every PIN that was typed is forgotten."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import say


@click.command(help="command.pause.help")
@json_option
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    result = context.run(_call(context))
    if as_json:
        print_json(result)
    else:
        say(context.text("pause.done"))


async def _call(context: Context) -> dict[str, Any]:
    async with context.session() as call:
        return await call("pause", {})
