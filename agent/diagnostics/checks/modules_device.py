"""Is the right module there for each device that is plugged in, and does it see the token? (R22, rows 26, 31)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.usb import words_of
from agent.errors import Fact
from agent.model import TokenState
from agent.tokens.devices import preferred
from agent.tokens.vendors import GENERIC, vendor_of


async def examine(probe: Probe) -> list[Finding]:
    modules = await probe.modules()
    wanted = await _wanted(probe)
    findings = [_of_device(name, vendors, modules) for name, vendors in wanted.items()]
    unread = [_of_unread(name, vendor, modules) for name, vendor in (await _unread(probe)).items()]
    findings += [finding for finding in unread if finding is not None]
    return findings or [Finding("modules.device", "no_device", "not_applicable")]


async def _wanted(probe: Probe) -> dict[str, tuple[str, ...]]:
    """Names of readers with something in them, and the vendors whose modules know it best."""
    found: dict[str, tuple[str, ...]] = {}
    for reader in (await probe.cards.view()).readers:
        if not (reader.empty or reader.mute or reader.exclusive):  # of these pcsc.readers tells
            state = TokenState(label="", serial="", manufacturer="", model="", module="", reader=reader.name)
            found[reader.name] = preferred([state], {reader.name: reader.atr})
    return found


async def _unread(probe: Probe) -> dict[str, str]:
    """Names and vendors of devices on USB that are in no reader: why, hardware.reader tells."""
    readers = [words_of(reader.name) for reader in (await probe.cards.view()).readers]
    devices = [
        device for device in probe.usb.devices() or () if device.authorized and device.known and device.known.vendor
    ]
    unread = [device for device in devices if not any(device.words & words for words in readers)]
    return {device.name: device.known.vendor for device in unread if device.known}


def _of_device(name: str, vendors: tuple[str, ...], modules: list[dict[str, Any]]) -> Finding:
    loadable = [module for module in modules if not module["error"]]
    own = [module for module in loadable if vendor_of(module["path"]) in vendors]
    facts: dict[str, Fact] = {"device": name, "vendor": vendors[0] if vendors else ""}
    if any(module["tokens"] for module in own):
        return Finding("modules.device", "sees_it", "ok", {**facts, "module": own[0]["path"]})
    generic = [module for module in loadable if vendor_of(module["path"]) in GENERIC and module["tokens"]]
    if generic:
        return Finding("modules.device", "generic", "ok", {**facts, "module": generic[0]["path"]})
    if not vendors:
        return Finding("modules.device", "not_recognized", "warning", {"device": name})
    if own:
        return Finding("modules.device", "sees_nothing", "error", {**facts, "module": own[0]["path"]})
    return Finding("modules.device", "missing", "error", facts)


def _of_unread(name: str, vendor: str, modules: list[dict[str, Any]]) -> Finding | None:
    if any(vendor_of(module["path"]) == vendor and not module["error"] for module in modules):
        return None
    return Finding("modules.device", "missing", "error", {"device": name, "vendor": vendor})


CHECK = Check("modules.device", examine, requires=("pcsc.service", "modules.loadable"))
