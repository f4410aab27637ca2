"""`pero modules`: the PKCS#11 modules that Pero knows."""

from __future__ import annotations

import os
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import plain, say, table


@click.group(help="command.modules.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.modules.list.help")
@json_option
@click.pass_obj
def list_modules(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "list_modules", {}))
    if as_json:
        print_json(result)
        return
    rows = [_row(context, module) for module in result["modules"]]
    if not rows:
        say(context.text("modules.none"))
        return
    table([context.text(f"modules.column.{name}") for name in ("name", "source", "state", "path")], rows)


@command.command("add", help="command.modules.add.help")
@click.argument("path", type=click.Path(path_type=str))
@json_option
@click.pass_obj
def add_module(context: Context, path: str, as_json: bool) -> None:
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would put a version's file in a link's place
    result = context.run(_call(context, "add_module", {"path": absolute}))
    if as_json:
        print_json(result)
        return
    say(context.text("modules.added" if result["added"] else "modules.known", path=plain(absolute)))


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)


def _row(context: Context, module: dict[str, Any]) -> list[str]:
    source = context.text(f"modules.source.{module['source']}")
    state = context.text("modules.loadable")
    if module["error"]:
        state = context.text(f"error.{module['error']}.text", **module["facts"])
        state += f" ({module['facts']['reason']})" if module["facts"].get("reason") else ""
    return [module["name"], source, state, module["path"]]
