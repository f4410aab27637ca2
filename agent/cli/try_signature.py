"""`pero try`: a test signature is made and verified; it goes nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.cli.asking import asking, kind_of, pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.listing import summary, thumbprint
from agent.cli.output import complain, plain, say

if TYPE_CHECKING:
    from agent.cli.asking import Kind
    from agent.transport.client import PinChoice


@click.command(help="command.try.help")
@click.argument("certificate", metavar="[THUMBPRINT]", required=False)
@pin_options
@json_option
@click.pass_obj
def command(context: Context, certificate: str | None, ask: str | None, pin_fd: int | None, as_json: bool) -> int:
    kind = kind_of(context, ask, pin_fd)
    wanted = thumbprint(context, certificate) if certificate else context.run(_only(context))
    with asking(context, kind, pin_fd, "asking.pin") as choice:
        result = context.run(_tried(context, choice, kind, wanted))
    if as_json:
        print_json(result)
    elif result["right"]:
        say(context.text("certs.tried", token=plain(result["token"])))
    else:
        say(context.text("certs.tried_wrong"))
    return Exit.OK if result["right"] else Exit.NEGATIVE


async def _only(context: Context) -> str:
    """The certificate, where one alone can sign. Raises click.UsageError."""
    async with context.session() as call:
        rows = (await call("certificates", {}))["certificates"]
    able = [row for row in rows if not row["problems"]]
    if len(able) != 1:
        for row in able:
            complain(f"{summary(row)}  {row['thumbprint']}")
        raise click.UsageError(context.text("try.which" if able else "listing.none_fits"))
    return str(able[0]["thumbprint"])


async def _tried(context: Context, choice: PinChoice, kind: Kind, wanted: str) -> dict[str, Any]:
    async with context.session(choice) as call:
        if kind == "window":
            complain(context.text("sign.answer_in_window"))
        return await call("try_signature", {"certificate": wanted})
