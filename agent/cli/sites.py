"""`pero sites`: which sites may ask, and taking that back."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.listing import thumbprint
from agent.cli.output import plain, say, table

_COLUMNS = ("origin", "state", "since", "last_used")


@click.group(help="command.sites.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.sites.list.help")
@json_option
@click.pass_obj
def list_sites(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "list_sites", {}))
    if as_json:
        print_json(result)
        return
    if not result["sites"]:
        say(context.text("sites.none"))
        return
    table(
        [context.text(f"sites.column.{name}") for name in _COLUMNS], [_row(context, site) for site in result["sites"]]
    )


@command.command("forget", help="command.sites.forget.help")
@click.argument("origin")
@json_option
@click.pass_obj
def forget(context: Context, origin: str, as_json: bool) -> int:
    result = context.run(_call(context, "forget_site", {"origin": origin}))
    if as_json:
        print_json(result)
    else:
        say(context.text("sites.forgotten" if result["forgotten"] else "sites.unknown", origin=plain(origin)))
    return Exit.OK if result["forgotten"] else Exit.NEGATIVE


@command.command("block", help="command.sites.block.help")
@click.argument("origin")
@json_option
@click.pass_obj
def block(context: Context, origin: str, as_json: bool) -> None:
    result = context.run(_call(context, "block_site", {"origin": origin}))
    if as_json:
        print_json(result)
    else:
        say(context.text("sites.blocked_now", origin=plain(origin)))


@command.command("default", help="command.sites.default.help")
@click.argument("origin")
@click.argument("certificate", metavar="[THUMBPRINT]", required=False)
@click.option("--none", "is_none", is_flag=True, help="command.sites.default.option.none")
@json_option
@click.pass_obj
def default(context: Context, origin: str, certificate: str | None, is_none: bool, as_json: bool) -> int:
    if (certificate is None) != is_none:
        raise click.UsageError(context.text("sites.default_which"))
    wanted = thumbprint(context, certificate) if certificate else ""
    result = context.run(_call(context, "set_site_certificate", {"origin": origin, "certificate": wanted}))
    if as_json:
        print_json(result)
    elif result["set"]:
        words = "certs.site_set" if wanted else "certs.site_taken_back"
        say(context.text(words, site=plain(origin)))
    else:
        say(context.text("sites.unknown", origin=plain(origin)))
    return Exit.OK if result["set"] else Exit.NEGATIVE


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)


def _row(context: Context, site: dict[str, Any]) -> list[str]:
    decided = "blocked" if site["blocked"] else "allowed" if site["allowed"] else "refused"
    state = context.text(f"sites.{decided}")
    return [site["origin"], state, site["since"] or "", site["last_used"] or ""]
