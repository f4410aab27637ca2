"""Entries in the log of the system: the journal (its native protocol), or the event log of Windows (not run yet).

One entry for each finding that is not well, and one that says that the doctor ran. MESSAGE_ID tells the two apart.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.diagnostics.base import Finding
from agent.diagnostics.fleet.figures import Run
from agent.diagnostics.fleet.telling import said
from agent.diagnostics.report import counts, summary
from agent.errors import ExportFailed

JOURNAL = "/run/systemd/journal/socket"
FINDING_ID = "b7c2f2c87be04c0e9b5a3c9a6b1d4e10"
RUN_ID = "5f0a4e6c1d3b4a6f8f1a2b7c9d0e3f21"
_PRIORITY = {"error": 3, "warning": 4, "unknown": 5}  # of syslog(3)
_LONGEST = 4096  # characters of a value
SECONDS = 5.0  # that the journal may take for an entry
_WINDOWS_TYPES = {3: 0x0001, 4: 0x0002}  # EVENTLOG_ERROR_TYPE, EVENTLOG_WARNING_TYPE
_WINDOWS_INFORMATION = 0x0004


class Entry(NamedTuple):
    message: str
    priority: int
    identifier: str  # MESSAGE_ID
    fields: Mapping[str, str]


def entries(run: Run, language: str) -> list[Entry]:
    """Those that are wrong, the worst first, then the run itself."""
    wrong = sorted((one for one in run.findings if one.status in _PRIORITY), key=lambda one: _PRIORITY[one.status])
    return [*(_of_finding(one, run, language) for one in wrong), _of_run(run, language)]


def as_journal(entry: Entry) -> bytes:
    """One datagram of the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): every value with its length, so that
    no line end in one makes a field of its own."""
    fields = {
        "MESSAGE": entry.message, "MESSAGE_ID": entry.identifier, "PRIORITY": str(entry.priority),
        "SYSLOG_IDENTIFIER": "pero", **entry.fields,
    }  # fmt: skip
    return b"".join(_field(name, value) for name, value in fields.items())


def write(made: Sequence[Entry], path: str = JOURNAL) -> None:
    """Into the log of this system. Raises ExportFailed."""
    if sys.platform == "win32":
        _write_windows(made)
    else:
        _write_journal(made, path)


def _of_finding(finding: Finding, run: Run, language: str) -> Entry:
    facts = {f"PERO_FACT_{name.upper()}": str(value) for name, value in run.facts(finding).items()}
    fields = {"PERO_CHECK": finding.id, "PERO_CASE": finding.case, "PERO_STATUS": finding.status, **facts}
    return Entry(said(finding, run, language), _PRIORITY[finding.status], FINDING_ID, fields)


def _of_run(run: Run, language: str) -> Entry:
    fields = {f"PERO_COUNT_{status.upper()}": str(number) for status, number in counts(run.findings).items()}
    fields |= {"PERO_VERSION": run.version, "PERO_SECONDS": f"{run.seconds:.3f}"}
    return Entry(summary(run.findings, language), 6, RUN_ID, fields)


def _field(name: str, value: str) -> bytes:
    octets = value[:_LONGEST].encode("utf-8", "replace")
    return name.encode() + b"\n" + len(octets).to_bytes(8, "little") + octets + b"\n"


def _write_journal(made: Sequence[Entry], path: str) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.settimeout(SECONDS)  # a journal that takes nothing more would hold us for ever
            journal.connect(path)
            for entry in made:
                journal.send(as_journal(entry))
    except OSError as error:
        raise ExportFailed(to=path, reason=error.strerror or "unreachable") from error


def _write_windows(made: Sequence[Entry]) -> None:
    """By ReportEventW, from the source "Pero" of the log "Application". Not run yet: no Windows was at hand."""
    import ctypes

    library = getattr(ctypes, "WinDLL")("advapi32", use_last_error=True)  # noqa: B009 - absent elsewhere
    library.RegisterEventSourceW.restype = ctypes.c_void_p
    source = library.RegisterEventSourceW(None, "Pero")
    if not source:
        raise ExportFailed(to="event log", reason="no source")
    try:
        for entry in made:
            kind = _WINDOWS_TYPES.get(entry.priority, _WINDOWS_INFORMATION)
            lines = [entry.message, *(f"{name}={value}" for name, value in entry.fields.items())]
            strings = (ctypes.c_wchar_p * 1)("\r\n".join(lines)[:30000])
            number = 1 if entry.identifier == FINDING_ID else 2
            done = library.ReportEventW(ctypes.c_void_p(source), kind, 0, number, None, 1, 0, strings, None)
            if not done:
                raise ExportFailed(to="event log", reason="refused")
    finally:
        library.DeregisterEventSource(ctypes.c_void_p(source))
