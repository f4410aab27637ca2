"""Does the PC/SC service run, and does it let this session in? (R22, rows 11, 12, 14, 15, 23, 89)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    view = await probe.cards.view()
    # Whoever keeps keys in files alone needs no service: a device that is plugged in makes it an error.
    bad: Any = "error" if probe.usb.devices() else "warning"
    system = probe.system
    if view.outcome == "running":
        return [Finding("pcsc.service", "running", "ok", {"readers": len(view.readers)})]
    if view.outcome == "no_library":
        return [Finding("pcsc.service", "no_library", bad, {"install": system.install("pcsc_library")}, blocking=True)]
    if view.outcome == "no_socket" and system.sandbox():
        return [Finding("pcsc.service", "sandbox", bad, {"sandbox": system.sandbox()}, blocking=True)]
    if view.outcome == "no_socket":
        return [Finding("pcsc.service", "not_running", bad, {"install": system.install("pcscd")}, blocking=True)]
    if view.outcome == "stopped":
        return [Finding("pcsc.service", "stopped", "error", blocking=True)]
    if view.outcome == "refused":
        if system.hides_processes():
            return [Finding("pcsc.service", "processes_hidden", "error", blocking=True)]
        if system.remote():
            return [Finding("pcsc.service", "refused_remote", "error", {"sign": system.remote()}, blocking=True)]
        return [Finding("pcsc.service", "refused", "error", blocking=True)]
    return [Finding("pcsc.service", "failed", "error", {"code": f"0x{view.code:08X}"}, blocking=True)]


CHECK = Check("pcsc.service", examine)
