"""The support bundle: what a stranger may read to help. Names, labels and paths are never in it.

What goes in is on a list (_FACTS, `extracts`); everything else of a finding is left out, so that a new fact is kept
back until somebody decided about it. Wordings are left out too, since they hold the facts.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agent.diagnostics import history
from agent.diagnostics.base import Finding
from agent.diagnostics.report import worst_first
from agent.errors import Fact
from agent.texts.values import as_json

_FACTS = frozenset({
    "atr", "begin", "browser", "code", "count", "date", "days", "driver", "end", "error", "exit_status", "found",
    "host", "installed", "key_begin", "key_days", "key_end", "language", "least", "needed", "newer_end", "newest",
    "pid", "port", "provider", "reader", "readers", "required", "sandbox", "seconds", "sign", "signal", "step",
    "thumbprint", "usb", "vendor", "version", "versions",
})  # fmt: skip
_LOOPBACK = ("127.0.0.1", "::1", "localhost")  # a host of any other name may be an organisation's own
_NAMING = ("driver", "browser", "provider")  # facts on the list that say whose version it is
NAME = "findings.json"
HISTORY = 50  # entries, the newest


class Extracts(NamedTuple):
    """What is not a finding: see `extracts` and `history`."""

    log: Sequence[str] = ()
    journal: Sequence[Mapping[str, Any]] = ()
    entries: Sequence[history.Entry] = ()


def content(findings: Sequence[Finding], machine: Mapping[str, str], extracts: Extracts = Extracts()) -> str:  # noqa: B008 - it is frozen
    """JSON: what is in the bundle, as it is shown before it is saved. `machine`: versions and the system's name."""
    rows = [
        {
            "id": finding.id,
            "case": finding.case,
            "status": finding.status,
            "facts": {name: value for name, value in finding.facts.items() if _may_leave(name, value)},
        }
        for finding in worst_first(findings)
    ]
    shown = {
        "machine": dict(machine),
        "findings": rows,
        "history": [_entry(entry, findings) for entry in extracts.entries[-HISTORY:]],
        "journal": list(extracts.journal),
        "log": list(extracts.log),
    }
    return as_json(shown) + "\n"


def packed(shown: str) -> bytes:
    """A ZIP file with exactly what was shown."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(NAME, shown)
    return buffer.getvalue()


def _may_leave(name: str, value: Fact) -> bool:
    return name in _FACTS and (name != "host" or value in _LOOPBACK)


def _entry(entry: history.Entry, findings: Sequence[Finding]) -> dict[str, Any]:
    """An entry of the history, with versions of what may be named: the machine's own, and what this run names too."""
    named = {
        f"{finding.id} {finding.facts[fact]}" for finding in findings for fact in _NAMING if finding.facts.get(fact)
    }
    kept = {name: version for name, version in entry.versions.items() if name.startswith("machine ") or name in named}
    return {**msgspec.structs.asdict(entry), "versions": kept}
