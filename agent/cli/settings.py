"""`pero settings`: what is set, by whom, and changing it."""

from __future__ import annotations

import json
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import plain, say
from agent.errors import SettingInvalid, SettingsDamaged

_LISTS = ("list", "records")


@click.group(help="command.settings.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.settings.list.help")
@json_option
@click.pass_obj
def list_settings(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "list_settings", {}))
    if as_json:
        print_json(result)
        return
    for setting in result["settings"]:
        locked = f"  {context.text('settings.locked.' + setting['locked'])}" if setting["locked"] else ""
        say(f"{setting['name']}: {plain(json.dumps(setting['value'], ensure_ascii=False))}{locked}")


@command.command("set", help="command.settings.set.help")
@click.argument("name")
@click.argument("values", nargs=-1)
@json_option
@click.pass_obj
def change(context: Context, name: str, values: tuple[str, ...], as_json: bool) -> None:
    result = context.run(_changed(context, name, values))
    if as_json:
        print_json(result)
    else:
        say(context.text("settings.saved", setting=plain(name)))


@command.command("default", help="command.settings.default.help")
@click.argument("name")
@json_option
@click.pass_obj
def default(context: Context, name: str, as_json: bool) -> None:
    result = context.run(_call(context, "change_setting", {"name": name, "value": None}))
    if as_json:
        print_json(result)
    else:
        say(context.text("settings.saved", setting=plain(name)))


@command.command("reset", help="command.settings.reset.help")
@json_option
@click.pass_obj
def reset(context: Context, as_json: bool) -> None:
    """With no agent running nothing can be composed out of a damaged file: it is put aside here then."""
    try:
        kept = context.run(_call(context, "reset_settings", {}))["kept"]
    except SettingsDamaged as error:
        if error.facts.get("path") != str(context.locations.settings):
            raise  # the administrator's
        from agent.api.settings import set_aside

        kept = str(set_aside(context.locations.settings))
    if as_json:
        print_json({"kept": kept})
    else:
        say(context.text("settings.kept", path=plain(kept)) if kept else context.text("settings.readable"))


async def _changed(context: Context, name: str, values: tuple[str, ...]) -> dict[str, Any]:
    async with context.session() as call:
        settings = (await call("list_settings", {}))["settings"]
        kind = next((setting["kind"] for setting in settings if setting["name"] == name), "")
        if not kind:
            raise SettingInvalid(setting=name, detail="no such setting")
        return await call("change_setting", {"name": name, "value": _value(name, kind, values)})


def _value(name: str, kind: str, values: tuple[str, ...]) -> Any:
    """Each word as JSON where the kind wants it: numbers, true and false, records as {"url": ...}."""
    read = [value if kind == "text" else _read(value) for value in values]
    if kind in _LISTS:
        return read
    if len(read) != 1:
        raise SettingInvalid(setting=name, detail="one value")
    return read[0]


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)
