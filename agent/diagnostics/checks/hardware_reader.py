"""Does each device that is plugged in appear as a PC/SC reader, and if not, why? (R22, rows 2, 3, 5, 6, 8)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.journal import Said
from agent.diagnostics.probes.usb import UsbDevice, words_of
from agent.errors import Fact


async def examine(probe: Probe) -> list[Finding]:
    devices = [device for device in probe.usb.devices() or () if device.authorized]
    readers = [reader.name for reader in (await probe.cards.view()).readers]
    heard = await probe.journal.service() if devices else frozenset()
    findings = [_of_device(probe, device, readers, heard) for device in devices]
    return findings or [Finding("hardware.reader", "no_device", "not_applicable")]


def _of_device(probe: Probe, device: UsbDevice, readers: list[str], heard: frozenset[Said]) -> Finding:
    facts: dict[str, Fact] = {"device": device.name, "usb": device.id}
    if any(device.words & words_of(reader) for reader in readers):
        return Finding("hardware.reader", "present", "ok", facts)
    if device.asleep:
        return Finding("hardware.reader", "asleep", "error", facts)
    driver = device.known.driver if device.known else "ccid"
    if driver != "ccid":
        return Finding("hardware.reader", "own_driver", "error", {**facts, "driver": driver})
    ccid = probe.usb.ccid()
    if ccid is None:
        return Finding("hardware.reader", "no_driver", "error", {**facts, "install": probe.system.install("ccid")})
    holders = [name for name in probe.usb.holders(device.node) if name != "pcscd"]
    if holders:
        return Finding("hardware.reader", "taken", "error", {**facts, "program": ", ".join(holders)})
    for service in probe.system.processes("pcscd"):
        if not probe.usb.accessible(device.node, service.user, service.groups):
            return Finding("hardware.reader", "forbidden", "error", {**facts, "node": str(device.node)})
    if ccid.ids and device.id not in ccid.ids:
        facts |= {"version": ccid.version, "install": probe.system.install("ccid")}
        return Finding("hardware.reader", "driver_too_old", "error", facts)
    if "forbidden" in heard:
        return Finding("hardware.reader", "forbidden", "error", {**facts, "node": str(device.node)})
    if "busy" in heard:
        return Finding("hardware.reader", "taken_unknown", "error", facts)
    return Finding("hardware.reader", "not_listed", "error", facts)


CHECK = Check("hardware.reader", examine, requires=("pcsc.service",))
