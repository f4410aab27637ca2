"""`pero journal`: what was asked and signed, and whether somebody changed that record."""

from __future__ import annotations

import re
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import plain, say

_LIMIT = 50
_CODES = ("asked_by", "outcome", "transport")  # facts whose values are names of ours
_HASH = re.compile("[0-9A-Fa-f]{64}")  # SHA-256
_SEARCHED = 1000  # newest entries among which `--head` is looked for; the most that the method gives


@click.group(help="command.journal.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.journal.list.help")
@click.option(
    "--limit", type=click.IntRange(1, _SEARCHED), default=_LIMIT, metavar="N", help="command.journal.option.limit"
)
@json_option
@click.pass_obj
def list_entries(context: Context, limit: int, as_json: bool) -> None:
    result = context.run(_call(context, "list_journal", {"limit": limit}))
    if as_json:
        print_json(result)
        return
    for entry in result["entries"]:
        facts = (_fact(context, name, value) for name, value in entry["facts"].items() if value not in ("", None))
        say("  ".join([f"{entry['number']:>6}", plain(entry["time"]), _kind(context, entry), *facts]))


@command.command("verify", help="command.journal.verify.help")
@click.option("--head", metavar="HASH", help="command.journal.option.head")
@json_option
@click.pass_obj
def verify(context: Context, head: str | None, as_json: bool) -> int:
    if head is not None and not _HASH.fullmatch(head):
        raise click.UsageError(context.text("journal.no_head", given=plain(head)))
    result = context.run(_verified(context, head))
    whole = result["intact"] and result.get("head_found", True)
    if as_json:
        print_json(result)
    elif not result["intact"]:
        say(context.text("journal.broken", number=result["broken_at"]))
    elif not whole:
        say(context.text("journal.head_absent", number=_SEARCHED))
    else:
        say(context.text("journal.intact", number=result["entries"], head=result["head"]))
    return Exit.OK if whole else Exit.NEGATIVE


def _kind(context: Context, entry: dict[str, Any]) -> str:
    return _words(context, f"journal.kind.{entry['kind']}", entry["kind"])


def _fact(context: Context, name: str, value: object) -> str:
    if isinstance(value, bool):
        shown = context.text("journal.yes" if value else "journal.no")
    elif name in _CODES:
        shown = _words(context, f"journal.{name}.{value}", value)
    else:
        shown = plain(value)
    return f"{_words(context, f'journal.fact.{name}', name)}: {shown}"


def _words(context: Context, key: str, raw: object) -> str:
    """The wording of a key; what has none (an entry that was changed) as it stands."""
    words = context.text(key)
    return plain(raw) if words == key else words


async def _verified(context: Context, head: str | None) -> dict[str, Any]:
    """With a head that was kept elsewhere (the system log has them): also whether it is one of the entries'."""
    async with context.session() as call:
        result = await call("verify_journal", {})
        if head is None:
            return result
        listed = await call("list_journal", {"limit": _SEARCHED})
        return {**result, "head_found": any(entry["hash"] == head.lower() for entry in listed["entries"])}


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)
