"""`pero modules`: the PKCS#11 modules that Pero knows."""

from __future__ import annotations

import os
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import complain, plain, say, table
from agent.texts.errors import error_text


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
    if result["error"]:
        told = plain(error_text(result["error"], context.language, result["facts"]))
        complain(context.text("modules.warning", text=told))


@command.command("forget", help="command.modules.forget.help")
@click.argument("path", type=click.Path(path_type=str))
@json_option
@click.pass_obj
def forget_module(context: Context, path: str, as_json: bool) -> int:
    absolute = os.path.abspath(path)  # noqa: PTH100 - as it was added
    result = context.run(_call(context, "forget_module", {"path": absolute}))
    if as_json:
        print_json(result)
    else:
        say(context.text("modules.forgotten" if result["forgotten"] else "modules.unknown", path=plain(absolute)))
    return Exit.OK if result["forgotten"] else Exit.NEGATIVE


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)


def _row(context: Context, module: dict[str, Any]) -> list[str]:
    source = context.text(f"modules.source.{module['source']}")
    state = context.text("modules.loadable")
    if module["error"]:
        state = error_text(module["error"], context.language, module["facts"])
    return [module["name"], source, state, module["path"]]
