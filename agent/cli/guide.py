"""`pero guide`: the guide of the first run, once more."""

from __future__ import annotations

import click

from agent.cli import desk
from agent.cli.context import Context


@click.command(help="command.guide.help")
@click.pass_obj
def command(context: Context) -> None:
    context.run(desk.open_page(context, "guide", []))
