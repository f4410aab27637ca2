"""Does a device keep files alone, so that no signature can be made in it? (R22, row 37)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    devices = [device for device in probe.usb.devices() or () if device.known]
    findings = [
        Finding("hardware.passive", "passive", "warning", {"device": device.name, "usb": device.id})
        for device in devices
        if device.known and device.known.passive
    ]
    if findings:
        return findings
    if devices:
        return [Finding("hardware.passive", "none", "ok")]
    return [Finding("hardware.passive", "no_device", "not_applicable")]


CHECK = Check("hardware.passive", examine)
