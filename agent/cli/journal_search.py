"""Searching and exporting for `pero journal`: what is sought, and all of it page by page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from agent.api.writing import check_placeable, write_by
from agent.cli.context import Context
from agent.cli.output import plain
from agent.errors import FileUnwritable

if TYPE_CHECKING:
    from agent.app import Call
    from agent.records.tables import Table

FORMATS = ("csv", "xlsx", "pdf")
_PAGE = 500  # entries asked for at a time


class Day(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A day (2026-11-30) or a moment (2026-11-30T12:00) of this machine's time zone, or of the zone that it names."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(_context(ctx).text("journal.no_day", given=plain(value)), param, ctx)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is sought."""
    for option in (
        click.option("--outcome", default="", metavar="NAME", help="command.journal.option.outcome"),
        click.option("--kind", default="", metavar="NAME", help="command.journal.option.kind"),
        click.option("--site", default="", metavar="ORIGIN", help="command.journal.option.site"),
        click.option("--until", type=Day(), metavar="DAY", help="command.journal.option.until"),
        click.option("--since", type=Day(), metavar="DAY", help="command.journal.option.since"),
    ):
        command = option(command)
    return click.argument("words", nargs=-1, metavar="[WORDS]...")(command)


def parameters(words: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """As `search_journal` takes them. A day that is the end belongs to the period."""
    since, until = given.pop("since"), given.pop("until")
    if until is not None and until.astimezone().time() == datetime.min.time():
        until += timedelta(days=1)
    return {"words": " ".join(words), "since": moment(since), "until": moment(until), **given}


def moment(given: datetime | None) -> str:
    """As entries have it; empty for none."""
    return f"{given.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{given.microsecond // 1000:03}Z" if given else ""


async def pages(call: Call, sought: dict[str, Any], limit: int | None = None) -> AsyncIterator[list[dict[str, Any]]]:
    """Entries that are sought, newest first; all of them where no limit is given. Waits until the index is whole."""
    before: int | None = None
    left = limit
    while left is None or left > 0:
        asked = {**sought, "before": before, "limit": min(_PAGE, left or _PAGE)}
        found = await call("search_journal", asked)
        while found["behind"]:
            found = await call("search_journal", asked)
        yield found["entries"]
        if found["next"] is None:
            return
        before = found["next"]
        if left is not None:
            left -= len(found["entries"])


async def export(context: Context, sought: dict[str, Any], target: Path, form: str, force: bool) -> int:
    """How many entries were written. Raises FileUnwritable: then no file was made."""
    check_placeable(target, force)
    count = 0
    try:
        with tempfile.TemporaryFile(dir=target.parent) as made:
            table = _table(form, made, context.language)
            async with context.session() as call:
                async for entries in pages(call, sought):
                    table.add(entries)
                    count += len(entries)
            table.finish()
            made.seek(0)
            write_by(target, lambda file: shutil.copyfileobj(made, file), force)
    except OSError as error:
        raise FileUnwritable(path=str(target), reason=error.strerror or str(error)) from error
    return count


def _table(form: str, file: BinaryIO, language: str) -> Table:
    from agent.records.tables import Csv
    from agent.records.xlsx import Xlsx

    if form == "pdf":
        from agent.desktop.windows.journal_pdf import Pdf

        return Pdf(file, language)
    return (Xlsx if form == "xlsx" else Csv)(file, language)


def _context(ctx: click.Context | None) -> Context:
    assert ctx is not None  # noqa: S101 - click gives it
    context = ctx.find_object(Context)
    assert context is not None  # noqa: S101 - made by main
    return context
