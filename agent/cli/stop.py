"""`pero stop`: ends the running agent and waits for its end."""

from __future__ import annotations

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import say


@click.command(help="command.stop.help")
@json_option
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    from agent.session import stop_running

    stopped = context.run(stop_running(context.environment))
    if as_json:
        print_json({"stopped": stopped})
    else:
        say(context.text("stop.done" if stopped else "stop.none"))
