"""`pero certificates`: the certificates on tokens and in key files, with what is wrong with each."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.listing import describe
from agent.cli.output import complain, plain, say


@click.command(help="command.certificates.help")
@json_option
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    result = context.run(_listed(context))
    if as_json:
        print_json(result)
        return
    for certificate in result["certificates"]:
        for line in describe(context, certificate):
            say(line)
        say()
    if not result["certificates"]:
        say(context.text("listing.none"))
    for fault in result["faults"]:
        complain(context.text("listing.fault", module=plain(fault["module"]), text=plain(fault["text"])))


async def _listed(context: Context) -> dict[str, Any]:
    async with context.session() as call:
        return await call("certificates", {})
