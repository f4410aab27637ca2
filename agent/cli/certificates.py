"""`pero certificates`: the certificates on tokens and in key files, with what is wrong with each."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.context import Context, json_option
from agent.cli.listing import show_offered
from agent.cli.signature_options import filter_of, filter_option


@click.command(help="command.certificates.help")
@filter_option("--for", "command.certificates.option.for")
@json_option
@click.pass_obj
def command(context: Context, filters: tuple[str, ...], as_json: bool) -> None:
    wanted = {"filter": filter_of(context, filters)}
    show_offered(context, context.run(_listed(context, wanted)), as_json)


async def _listed(context: Context, wanted: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call("certificates", wanted)
