"""`pero diagnose`: what is wrong on this machine, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent import config
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import say

if TYPE_CHECKING:
    from agent.diagnostics.base import Finding


@click.command(help="command.diagnose.help")
@json_option
@click.pass_obj
def command(context: Context, as_json: bool) -> int:
    from agent.diagnostics import report

    findings = context.run(_found(context))
    if as_json:
        print_json(report.as_values(findings, context.language))
    else:
        for line in report.as_lines(findings, context.language):
            say(line)
    return Exit.NEGATIVE if any(finding.level == "error" for finding in findings) else Exit.OK


async def _found(context: Context) -> list[Finding]:
    from agent.diagnostics import base
    from agent.diagnostics.checks import CHECKS
    from agent.diagnostics.probe import Machine

    async with Machine(context.locations, context.environment, context.session, config.VERSION) as machine:
        return await base.run(CHECKS, machine)
