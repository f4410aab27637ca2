"""Which readers are there, and does what is in them answer? (R22, rows 13, 16, 19, 20)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.cards import Reader


async def examine(probe: Probe) -> list[Finding]:
    readers = (await probe.cards.view()).readers
    if not readers:
        return [Finding("pcsc.readers", "none", "not_applicable")]
    # The slot of a computer is often empty while the token is elsewhere.
    empty: Any = "warning" if all(reader.empty for reader in readers) else "ok"
    programs = ", ".join(sorted({process.name for process in probe.system.processes("scdaemon")}))
    return [_of_reader(reader, empty, programs) for reader in readers]


def _of_reader(reader: Reader, empty: Any, programs: str) -> Finding:
    facts = {"reader": reader.name, "atr": reader.atr.hex().upper()}
    if reader.mute:
        return Finding("pcsc.readers", "mute", "error", facts)
    if reader.exclusive and programs:
        return Finding("pcsc.readers", "taken_by", "error", {**facts, "program": programs})
    if reader.exclusive:
        return Finding("pcsc.readers", "taken", "error", facts)
    if reader.empty:
        return Finding("pcsc.readers", "empty", empty, facts)
    return Finding("pcsc.readers", "card", "ok", facts)


CHECK = Check("pcsc.readers", examine, requires=("pcsc.service",))
