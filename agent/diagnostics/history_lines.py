"""The history in words: what was so from when to when, and what changed since it last worked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.diagnostics import report
from agent.diagnostics.base import Finding
from agent.diagnostics.history import Change, Entry, Since, since_well
from agent.texts.catalogue import text
from agent.texts.visible import visible

Line = tuple[str, str]  # as of `report.as_lines`


def as_lines(entries: Sequence[Entry], language: str) -> Iterator[Line]:
    """Every entry with what is new in it, then what changed since all was well."""
    before: Entry | None = None
    for entry in entries:
        yield "area", text("history.span", language, begin=_moment(entry.begin), end=_moment(entry.end))
        if entry.well:
            yield "ok", f"[{report.MARKS['ok']}] {text('history.well', language)}"
        for error in entry.wrong:
            yield "error", f"[{report.MARKS['error']}] {_error(error, language)}"
        for name in sorted(entry.versions.keys() | (before.versions.keys() if before else set())):
            old, now = before.versions.get(name, "") if before else "", entry.versions.get(name, "")
            if old != now:
                yield "", f"    {_version(Change(name, old, now, entry.begin), language)}"
        before = entry
        yield "", ""
    yield from since_lines(since_well(entries), language)


def since_lines(since: Since, language: str) -> Iterator[Line]:
    """What changed since the machine last was well; one line where nothing did."""
    if not since.errors:
        yield "summary", text("history.nothing_wrong", language)
        return
    if not since.well:
        yield "summary", text("history.never_well", language)
        return
    yield "summary", text("history.since", language, well=_moment(since.well))
    for change in since.versions:
        yield "warning", f"    {_version(change, language)} ({_moment(change.since)})"
    if not since.versions:
        yield "", f"    {text('history.no_version_changed', language)}"
    for change in since.errors:
        yield "error", f"    {_error(change.what, language)} ({_moment(change.since)})"


def as_values(entries: Sequence[Entry], language: str) -> dict[str, object]:
    """For `--json`."""
    import msgspec

    return {
        "entries": [msgspec.to_builtins(entry) for entry in entries],
        "since_well": msgspec.to_builtins(since_well(entries)),
        "text": [line for _kind, line in since_lines(since_well(entries), language)],
    }


def _version(change: Change, language: str) -> str:
    what, before, now = _named(change.what, language), visible(change.before), visible(change.now)
    if not change.before:
        return text("history.version", language, what=what, now=now)
    if not change.now:
        return text("history.gone", language, what=what, before=before)
    return text("history.changed", language, what=what, before=before, now=now)


def _named(what: str, language: str) -> str:
    """ "CHECK NAME" in words: the name where there is one, else what the check is called."""
    identifier, _, name = what.partition(" ")
    return visible(name) if name else report.title(identifier, language)


def _error(what: str, language: str) -> str:
    """ "CHECK CASE" in words. What the case was about is not kept: its check is named."""
    identifier, _, case = what.partition(" ")
    return f"{report.title(identifier, language)} ({visible(case)})"


def _moment(moment: str) -> str:
    """ISO 8601 to the minute, UTC."""
    return visible(moment[:16].replace("T", " "))


def last_worked(findings: Sequence[Finding], entries: Sequence[Entry], language: str) -> Iterator[Line]:
    """Below a report with errors: what changed since all was well, where that is known."""
    if any(finding.status == "error" for finding in findings):
        since = since_well(entries)
        if since.well and since.errors:
            yield "", ""
            yield from since_lines(since, language)
