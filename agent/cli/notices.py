"""`pero notices`: what notifications said, for whoever missed them."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import plain, say
from agent.texts.notices import notice_words


@click.command(help="command.notices.help")
@json_option
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    result = context.run(_listed(context))
    if as_json:
        print_json(result)
        return
    if not result["notices"]:
        say(context.text("notices.none"))
    for notice in result["notices"]:
        title, body = notice_words(notice["kind"], notice["facts"], context.language)
        say("  ".join(part for part in (plain(notice["time"]), title, body) if part))


async def _listed(context: Context) -> dict[str, Any]:
    async with context.session() as call:
        return await call("list_notices", {})
