"""Which readers are there, and does what is in them answer? (R22, rows 13, 16, 19 to 21)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.checks.pcsc_service import remote_sign
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.cards import Reader
from agent.diagnostics.probes.usb import words_of

# Words in names of readers that are tokens on USB and nothing else; cards of these makers are in others' readers.
_DEVICES = frozenset({"rutoken", "jacarta", "esmart", "yubikey", "etoken", "nitrokey"})


async def examine(probe: Probe) -> list[Finding]:
    readers = (await probe.cards.view()).readers
    if not readers:
        return [Finding("pcsc.readers", "none", "not_applicable")]
    # The slot of a computer is often empty while the token is elsewhere.
    empty: Any = "warning" if all(reader.empty for reader in readers) else "ok"
    programs = ", ".join(sorted({process.name for process in probe.system.processes("scdaemon")}))
    gone = _gone(probe, readers)
    return [_of_reader(reader, empty, programs, reader in gone) for reader in readers]


def _gone(probe: Probe, readers: tuple[Reader, ...]) -> list[Reader]:
    """Readers of known devices that are no longer on USB: the service did not see them go.

    Not told of remote sessions, whose readers are plugged in elsewhere.
    """
    devices = probe.usb.devices()
    if devices is None or remote_sign(probe):
        return []
    plugged = {word for device in devices for word in device.words}
    return [reader for reader in readers if _DEVICES & words_of(reader.name) - plugged]


def _of_reader(reader: Reader, empty: Any, programs: str, gone: bool) -> Finding:
    facts = {"reader": reader.name, "atr": reader.atr.hex().upper()}
    if gone:
        return Finding("pcsc.readers", "gone", "warning", facts)
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
