"""What `pero diagnose` writes: the page, the support bundle, the history of this machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent import config
from agent.cli.context import Context
from agent.cli.output import plain, say
from agent.errors import FileUnwritable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.diagnostics.base import Finding
    from agent.diagnostics.history import Entry


def machine_of(context: Context) -> dict[str, str]:
    """What the machine is, without names."""
    import platform

    from agent.diagnostics.probes.system import LinuxSystem

    return {
        "Pero": config.VERSION,
        "system": LinuxSystem(context.environment).name(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def write_page(context: Context, findings: Sequence[Finding], path: Path) -> None:
    from agent.diagnostics.page import as_html

    write_new(path, as_html(findings, context.language, {**machine_of(context), "time": _now()}).encode())


def write_bundle(
    context: Context, findings: Sequence[Finding], entries: Sequence[Entry], path: Path, *, agreed: bool
) -> None:
    """Shown first, to the last letter; saved where the person agrees."""
    from agent.diagnostics import bundle, extracts

    rows = context.run(_journal(context))
    more = bundle.Extracts(extracts.of_log(context.locations.log), extracts.of_journal(rows), entries)
    shown = bundle.content(findings, {**machine_of(context), "time": _now()}, more)
    say(shown)
    if agreed or click.confirm(context.text("report.save_bundle", path=plain(path))):
        write_new(path, bundle.packed(shown))


def remember(context: Context, findings: Sequence[Finding]) -> tuple[Entry, ...]:
    """Write this run into the history; all of it. Nothing is lost to the person where it cannot be written."""
    from datetime import UTC, datetime

    from agent.diagnostics import history

    path = context.locations.state / history.NAME
    try:
        return history.record(path, findings, machine_of(context), datetime.now(UTC))
    except FileUnwritable:
        return history.load(path)


def write_new(path: Path, content: bytes) -> None:
    """A new file, for this user alone: nothing is overwritten, and no half of one is left."""
    made = False
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        made = True
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        if made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error


async def _journal(context: Context) -> list[dict[str, Any]]:
    """The newest entries; none where the journal cannot be read, for a bundle is asked for where things are broken."""
    from agent.diagnostics.extracts import ENTRIES
    from agent.errors import PeroError

    try:
        async with context.session() as call:
            rows: list[dict[str, Any]] = (await call("list_journal", {"limit": ENTRIES}))["entries"]
            return rows
    except PeroError:
        return []


def _now() -> str:
    from datetime import UTC, datetime

    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
