"""`pero token`: tokens and what is on them."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from agent.cli import token_contents, token_keys, token_pins
from agent.cli.asking import pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.listing import DATE
from agent.cli.output import complain, plain, say
from agent.cli.token_choice import (
    Row,
    Session,
    answer_in_window,
    name_of,
    object_name,
    token_argument,
    with_token,
)
from agent.model import KEY_FILES
from agent.texts.standards import standard


@click.group(help="command.token.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.token.list.help")
@click.option("--watch", is_flag=True, help="token.option.watch")
@json_option
@click.pass_obj
def list_tokens(context: Context, watch: bool, as_json: bool) -> None:
    if watch:
        context.run(_watched(context, as_json))
        return
    result = context.run(_listed(context))
    if as_json:
        print_json(result)
        return
    for token in result["tokens"]:
        for line in _token_lines(context, token):
            say(line)
        say()
    if not result["tokens"]:
        say(context.text("token.none"))
    for fault in result["faults"]:
        complain(context.text("listing.fault", module=plain(fault["module"]), text=plain(fault["text"])))


@command.command("objects", help="command.token.objects.help")
@token_argument
@click.option("--login", is_flag=True, help="token.option.login")
@pin_options
@json_option
@click.pass_obj
def objects(
    context: Context, wanted: str | None, login: bool, ask: str | None, pin_fd: int | None, as_json: bool
) -> None:
    async def work(session: Session) -> Row:
        if login:
            answer_in_window(session)
        return await session("token_objects", login=login)

    result = with_token(context, wanted, ask if login else ask or "window", pin_fd, work, key_files=True)
    if as_json:
        print_json(result)
        return
    say(plain(f"{result['token']['label']} {result['token']['serial']}".strip()))
    for row in result["objects"]:
        say()
        for line in _object_lines(context, row, result["objects"]):
            say(line)
    if not result["objects"]:
        say(context.text("token.empty"))
    if not result["complete"]:
        complain(context.text("token.incomplete"))


for part in (*token_pins.COMMANDS, *token_keys.COMMANDS, *token_contents.COMMANDS):
    command.add_command(part)


async def _listed(context: Context) -> dict[str, Any]:
    async with context.session() as call:
        return await call("token_list", {})


async def _watched(context: Context, as_json: bool) -> None:
    """The tokens that are there, then each that comes or goes, until Ctrl-C."""
    known: dict[str, Row] = {}
    async with context.session(watches=True) as call:
        tokens = (await call("token_list", {}))["tokens"]
        while True:
            now = {json.dumps(name_of(token), sort_keys=True): token for token in tokens}
            for name in known.keys() - now.keys():
                _tell(context, "token_removed", known[name], as_json)
            for name, token in now.items():
                if name not in known:
                    _tell(context, "token_inserted", token, as_json)
            known = now
            tokens = (await call("token_changes", {"known": [name_of(token) for token in tokens]}))["tokens"]


def _tell(context: Context, event: str, token: Row, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(json.dumps({"event": event, "token": token}).encode() + b"\n")
        sys.stdout.buffer.flush()
        return
    named = plain(f"{token['label']} {token['serial']}".strip())
    say(context.text(f"token.event.{event}", token=named))
    sys.stdout.flush()


def _token_lines(context: Context, token: Row) -> list[str]:
    rows = [
        ("serial", token["serial"]),
        ("model", f"{token['manufacturer']} {token['model']}".strip()),
        ("reader", token["reader"]),
    ]
    if token["module"] == KEY_FILES:
        rows = [("model", context.text("token.key_file"))]
    lines = [plain(token["label"])]
    lines += [f"  {context.text(f'token.line.{name}')}: {plain(value)}" for name, value in rows if value]
    return lines + [f"  ! {context.text(f'warning.{name}')}" for name in token["warnings"]]


def _object_lines(context: Context, row: Row, every: list[Row]) -> list[str]:
    period = f"{row['not_before'][:DATE]} — {row['not_after'][:DATE]}" if "not_before" in row else ""
    told = [
        ("label", row["label"]),
        ("owner", row.get("owner", "")),
        ("issuer", row.get("issuer", "")),
        ("validity", period),
        ("key", standard(row["key"], context.language)),
        ("application", row["application"]),
        ("thumbprint", row["thumbprint"] if row["kind"] == "certificate" else ""),
    ]
    kind = context.text(f"token.kind.{row['kind']}")
    lines = [f"{kind}  {plain(object_name(row, every))}"]
    lines += [f"  {context.text(f'token.line.{name}')}: {plain(value)}" for name, value in told if value]
    if row["kind"] == "certificate" and row["has_key"] is False and not row["authority"]:
        lines.append(f"  ! {context.text('problem.no_key')}")
    if row["kind"] == "key" and row["extractable"]:
        lines.append(f"  ! {context.text('token.extractable')}")
    return lines
