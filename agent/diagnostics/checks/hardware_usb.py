"""Is a token or a smart-card reader plugged in, and does the system let it be used? (R22, R27, rows 1 and 4)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.usb import UsbDevice


async def examine(probe: Probe) -> list[Finding]:
    devices = probe.usb.devices()
    if devices is None:
        return [Finding("hardware.usb", "not_told", "not_applicable")]
    if devices:
        return [_of_device(device) for device in devices]
    heard = await probe.journal.kernel()
    if "port_fault" in heard:
        return [Finding("hardware.usb", "port_fault", "error")]
    if "kept_out" in heard:
        return [Finding("hardware.usb", "kept_out", "error")]
    return [Finding("hardware.usb", "none", "not_applicable")]


def _of_device(device: UsbDevice) -> Finding:
    facts = {"device": device.name, "usb": device.id}
    if not device.authorized:
        return Finding("hardware.usb", "not_authorized", "error", facts)
    return Finding("hardware.usb", "seen", "ok", facts)


CHECK = Check("hardware.usb", examine)
