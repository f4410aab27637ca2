"""What of the log and the journal may leave the machine: events, errors, thumbprints, times. Nothing else gets through.

Both are read as if anybody could have written into them: what is kept is on a list and has the form it should have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

LINES = 200  # of the log, the newest
ENTRIES = 100  # of the journal, the newest
_TAIL = 256 << 10  # bytes of the log that are looked at

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ([A-Z]{4,8}) (pero(?:\.[a-z_]+)*) ([a-z_]+)((?: [a-z_]+=\S+)*)$"
)
_VALUES = {  # what follows "name=" in an event of the log
    "error": r"[a-z_]{1,40}", "method": r"[a-z_?]{1,40}", "role": "page|extension|command", "version": r"[\w.+-]{1,40}",
    "pid": r"\d{1,10}", "port": r"\d{1,5}|None", "ports": r"[\d,()]{1,40}", "transport": r"[a-z_]{1,20}",
    "wanted": "b|t|lt", "reached": "b|t|lt", "memory": r"\d{1,15}", "finding": r"[a-z_.]{1,60}",
}  # fmt: skip
_PLACE = re.compile(r' *File "[^"]*?((?:agent|native_host)(?:/\w{1,40}){1,5}\.py)", line (\d{1,6}), in (\w{1,60})$')
_RAISED = re.compile(r"((?:[A-Za-z_]\w{0,60}\.){0,5}[A-Z]\w{0,60}(?:Error|Exception|Warning|Interrupt|Exit))(?::|$)")
_FACTS = {  # of an entry of the journal
    "outcome": r"[a-z_]{1,40}", "entry": r"\d{1,12}", "certificate": "[0-9a-f]{64}", "format": r"[a-z]{1,10}",
    "level": "b|t|lt", "attached": "True|False", "remembered": "True|False", "size": r"\d{1,20}",
    "asked_by": r"[a-z_]{1,20}", "documents": r"\d{1,9}", "signed": r"\d{1,9}", "failed": r"\d{1,9}",
    "transport": r"[a-z_]{1,20}",
}  # fmt: skip


def of_log(path: Path) -> list[str]:
    """The newest lines, each cut down to what may leave. A log that cannot be read has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [kept for line in lines[-LINES * 4 :] if (kept := _log_line(line))][-LINES:]


def _log_line(line: str) -> str:
    event = _LINE.fullmatch(line)
    if event:
        time, level, name, what, values = event.groups()
        pairs = (pair.partition("=")[::2] for pair in values.split())
        kept = [f"{key}={value}" for key, value in pairs if re.fullmatch(_VALUES.get(key, "(?!)"), value)]
        return " ".join((time, level, name, what, *kept))
    place = _PLACE.fullmatch(line)
    if place:
        return f"  {place[1]}:{place[2]} {place[3]}"
    raised = _RAISED.match(line)
    return f"  {raised[1]}" if raised else ""


def of_journal(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries as `list_journal` tells them: number, time, kind, and the facts on the list."""
    return [
        {
            "number": entry["number"],
            "time": entry["time"],
            "kind": entry["kind"],
            "facts": {
                name: value
                for name, value in entry["facts"].items()
                if re.fullmatch(_FACTS.get(name, "(?!)"), str(value))
            },
        }
        for entry in _newest(list(entries))
    ]


def _newest(entries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return entries[-ENTRIES:]
