"""Do USB rules of this computer keep new devices out? (R27, row 4)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    rule = probe.policies.keeps_usb_out()
    if not rule:
        return [Finding("policy.usb", "open", "ok")]
    if probe.usb.devices():  # one that is kept out is told by hardware.usb
        return [Finding("policy.usb", "guarded", "ok", {"rule": rule})]
    return [Finding("policy.usb", "nothing_let_in", "warning", {"rule": rule})]


CHECK = Check("policy.usb", examine)
