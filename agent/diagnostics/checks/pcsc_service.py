"""Does the PC/SC service run, and does it let this session in? (R22, rows 11, 12, 14, 15, 23, 89)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact

_SERVICE_STOPPED = 0x8010001E  # SCARD_E_SERVICE_STOPPED


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
        facts: dict[str, Fact] = {"sandbox": system.sandbox()}
        if system.has_program("pcscd"):  # a container may have a service of its own: likely that one does not run
            return [Finding("pcsc.service", "sandbox_not_running", bad, facts, blocking=True)]
        return [Finding("pcsc.service", "sandbox", bad, facts, blocking=True)]
    if view.outcome == "no_socket" and not system.has_program("pcscd"):
        return [Finding("pcsc.service", "not_installed", bad, {"install": system.install("pcscd")}, blocking=True)]
    if view.outcome == "no_socket":
        return [Finding("pcsc.service", "not_running", bad, blocking=True)]
    if view.outcome == "stopped":
        return [Finding("pcsc.service", "stopped", "error", system.differs(), blocking=True)]
    if view.outcome == "refused":
        if system.hides_processes() or "polkit_blind" in await probe.journal.service():
            return [Finding("pcsc.service", "processes_hidden", "error", blocking=True)]
        sign = remote_sign(probe)
        if sign:
            return [Finding("pcsc.service", "refused_remote", "error", {"sign": sign}, blocking=True)]
        return [Finding("pcsc.service", "refused", "error", blocking=True)]
    if view.code == _SERVICE_STOPPED:
        return [Finding("pcsc.service", "died", "error", blocking=True)]
    return [Finding("pcsc.service", "faulty", "error", {"code": f"0x{view.code:08X}"}, blocking=True)]


def remote_sign(probe: Probe) -> str:
    """What says that this session is somebody's from elsewhere; empty: it is one at this computer."""
    login = probe.logins.own()
    return probe.system.remote() or ("logind" if login is not None and login.remote else "")


CHECK = Check("pcsc.service", examine)
