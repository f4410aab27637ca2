"""`pero journal`: what was asked and signed, and whether somebody changed that record."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.journal_search import FORMATS, Day, export, filters, moment, pages, parameters
from agent.cli.output import plain, say
from agent.texts.entries import fact_words, kind_words

_LIMIT = 50
_HASH = re.compile("[0-9A-Fa-f]{64}")  # SHA-256
_LISTED = 1000  # the most entries that `list` gives


@click.group(help="command.journal.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("list", help="command.journal.list.help")
@click.option(
    "--limit", type=click.IntRange(1, _LISTED), default=_LIMIT, metavar="N", help="command.journal.option.limit"
)
@json_option
@click.pass_obj
def list_entries(context: Context, limit: int, as_json: bool) -> None:
    result = context.run(_call(context, "list_journal", {"limit": limit}))
    if as_json:
        print_json(result)
        return
    _show(context, result["entries"])


@command.command("search", help="command.journal.search.help")
@filters
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=_LIMIT, metavar="N", help="command.journal.option.limit"
)
@json_option
@click.pass_obj
def search(context: Context, /, words: tuple[str, ...], limit: int, as_json: bool, **given: Any) -> int:
    entries = context.run(_found(context, parameters(words, given), limit))
    if as_json:
        print_json({"entries": entries})
    elif entries:
        _show(context, entries)
    else:
        say(context.text("journal.nothing"))
    return Exit.OK if entries else Exit.NEGATIVE


@command.command("export", help="command.journal.export.help")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE")
@filters
@click.option("--format", "form", type=click.Choice(FORMATS), help="command.journal.option.format")
@click.option("--force", is_flag=True, help="command.journal.option.force")
@json_option
@click.pass_obj
def export_entries(
    context: Context,
    /,
    target: Path,
    words: tuple[str, ...],
    form: str | None,
    force: bool,
    as_json: bool,
    **given: Any,
) -> None:
    chosen = form or target.suffix.removeprefix(".").lower()
    if chosen not in FORMATS:
        raise click.UsageError(context.text("journal.no_format", given=plain(target.name)))
    count = context.run(export(context, parameters(words, given), target.absolute(), chosen, force))
    if as_json:
        print_json({"path": str(target.absolute()), "entries": count})
    else:
        say(context.text("journal.exported", path=plain(target), number=count))


@command.command("note", help="command.journal.note.help")
@click.argument("entry", type=click.IntRange(1), metavar="NUMBER")
@click.argument("text", metavar="TEXT")
@json_option
@click.pass_obj
def note(context: Context, entry: int, text: str, as_json: bool) -> None:
    result = context.run(_call(context, "note_journal", {"entry": entry, "text": text}))
    if as_json:
        print_json(result)
    else:
        say(context.text("journal.noted", number=result["number"]))


@command.command("verify", help="command.journal.verify.help")
@click.option("--head", metavar="HASH", help="command.journal.option.head")
@json_option
@click.pass_obj
def verify(context: Context, head: str | None, as_json: bool) -> int:
    if head is not None and not _HASH.fullmatch(head):
        raise click.UsageError(context.text("journal.no_head", given=plain(head)))
    result = context.run(_verified(context, head))
    kept = all(archive["state"] != "changed" for archive in result["archives"])
    whole = result["intact"] and kept and result.get("head_found", True)
    if as_json:
        print_json(result)
    else:
        _say_verified(context, result)
    return Exit.OK if whole else Exit.NEGATIVE


def _say_verified(context: Context, result: dict[str, Any]) -> None:
    if not result["intact"]:
        say(context.text("journal.broken", number=result["broken_at"]))
    else:
        say(context.text("journal.intact", number=result["entries"], head=result["head"]))
    for archive in result["archives"]:
        facts = {**archive, "file": plain(archive["file"]), "number": archive["broken_at"]}
        say(context.text(f"journal.archive.{archive['state']}", **facts))
    if "head_found" in result:
        said = "journal.head_found" if result["head_found"] else "journal.head_absent"
        say(context.text(said, number=result["head_at"]))


@command.command("archive", help="command.journal.archive.help")
@click.option("--before", type=Day(), required=True, metavar="DAY", help="command.journal.option.before")
@json_option
@click.pass_obj
def archive(context: Context, before: datetime, as_json: bool) -> None:
    result = context.run(_call(context, "archive_journal", {"before": moment(before)}))
    made = result["archive"]
    if as_json:
        print_json(result)
    elif made is None:
        say(context.text("journal.nothing_archived"))
    else:
        say(context.text("journal.archived", first=made["first"], last=made["last"], path=plain(made["path"])))


def _show(context: Context, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        kind = kind_words(entry["kind"], context.language)
        facts = fact_words(entry["facts"], context.language)
        say("  ".join([f"{entry['number']:>6}", plain(entry["time"]), kind, *facts]))


async def _found(context: Context, sought: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The newest that are sought; the newest stands last."""
    async with context.session() as call:
        found = [entry async for page in pages(call, sought, limit) for entry in page]
    return found[::-1]


async def _verified(context: Context, head: str | None) -> dict[str, Any]:
    """With a head that was kept elsewhere (the system log has them): also whether it is one of the entries'."""
    async with context.session() as call:
        result = await call("verify_journal", {"head": head or ""})
    return result if head is None else {**result, "head_found": result["head_at"] is not None}


async def _call(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)
