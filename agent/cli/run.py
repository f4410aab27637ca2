"""`pero run`: the agent itself, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys

import click

from agent.cli.context import Context
from agent.cli.output import say


@click.command(help="command.run.help")
@click.pass_obj
def command(context: Context) -> None:
    from agent.app import run

    run(context.environment, lambda port: _say_started(context, port))


def _say_started(context: Context, port: int | None) -> None:
    say(context.text("run.started", port=port) if port else context.text("run.started_without_port"))
    sys.stdout.flush()
