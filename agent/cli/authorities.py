"""`pero authorities`: whom the person trusts where signatures are verified."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import plain, say, table

_COLUMNS = ("owner", "until", "thumbprint")


@click.group(help="command.authorities.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.authorities.list.help")
@json_option
@click.pass_obj
def list_authorities(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "list_authorities", {}))
    if as_json:
        print_json(result)
        return
    if not result["authorities"]:
        say(context.text("authorities.none"))
        return
    rows = [[one["owner"], one["not_after"], one["thumbprint"]] for one in result["authorities"]]
    table([context.text(f"authorities.column.{name}") for name in _COLUMNS], rows)


@command.command("add", help="command.authorities.add.help")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def add(context: Context, file: Path, as_json: bool) -> None:
    from agent.api.files import open_file
    from agent.errors import CertificateDamaged
    from agent.trust.authorities import MAX_FILE

    with open_file(file) as opened:
        content = opened.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise CertificateDamaged(detail="too long")
    result = context.run(_call(context, "trust_authorities", {"content": base64.b64encode(content).decode()}))
    if as_json:
        print_json(result)
        return
    for thumbprint in result["added"]:
        say(context.text("authorities.added", thumbprint=thumbprint))
    for thumbprint in result["known"]:
        say(context.text("authorities.known", thumbprint=thumbprint))


@command.command("remove", help="command.authorities.remove.help")
@click.argument("thumbprint")
@json_option
@click.pass_obj
def remove(context: Context, thumbprint: str, as_json: bool) -> int:
    wanted = thumbprint.replace(":", "").lower()
    result = context.run(_call(context, "distrust_authority", {"certificate": wanted}))
    if as_json:
        print_json(result)
    else:
        say(context.text("authorities.removed" if result["removed"] else "authorities.unknown", it=plain(thumbprint)))
    return Exit.OK if result["removed"] else Exit.NEGATIVE


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)
