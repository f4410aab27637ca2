"""Is this a virtual machine to which no token was handed? (R22, row 7)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import PeroError


async def examine(probe: Probe) -> list[Finding]:
    if not probe.system.virtual():
        return [Finding("hardware.virtual", "real", "not_applicable")]
    if probe.usb.devices() or (await probe.cards.view()).readers or await _tokens(probe):
        return [Finding("hardware.virtual", "has_devices", "ok")]
    return [Finding("hardware.virtual", "nothing_passed", "warning")]


async def _tokens(probe: Probe) -> bool:
    """Whether there is any token or key file, as far as the agent tells."""
    try:
        return bool((await probe.listing())["tokens"])
    except PeroError:
        return False


CHECK = Check("hardware.virtual", examine, requires=("pcsc.service",))
