"""Is the right module there for each device that is plugged in, and does it see the token? (R22, rows 26, 31)"""

from __future__ import annotations

from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.errors import Fact
from agent.model import TokenState
from agent.tokens.devices import preferred
from agent.tokens.vendors import GENERIC, vendor_of


async def examine(probe: Probe) -> list[Finding]:
    modules = await probe.modules()
    wanted = await _wanted(probe)
    findings = [_of_device(name, vendors, modules) for name, vendors in wanted.items()]
    return findings or [Finding("modules.device", "no_device", "not_applicable")]


async def _wanted(probe: Probe) -> dict[str, tuple[str, ...]]:
    """Names of devices, and the vendors whose modules know each best; those of which nothing is known are left out."""
    view = await probe.cards.view()
    found: dict[str, tuple[str, ...]] = {}
    for reader in view.readers:
        if not reader.empty:
            state = TokenState(label="", serial="", manufacturer="", model="", module="", reader=reader.name)
            found[reader.name] = preferred([state], {reader.name: reader.atr})
    told = {vendor for vendors in found.values() for vendor in vendors}
    for device in probe.usb.devices() or ():
        if device.known and device.known.vendor not in told:  # seen on USB, and in no reader
            found[device.name] = (device.known.vendor,)
    return {name: vendors for name, vendors in found.items() if vendors}


def _of_device(name: str, vendors: tuple[str, ...], modules: list[dict[str, Any]]) -> Finding:
    loadable = [module for module in modules if not module["error"]]
    own = [module for module in loadable if vendor_of(module["path"]) in vendors]
    facts: dict[str, Fact] = {"device": name, "vendor": vendors[0]}
    if any(module["tokens"] for module in own):
        return Finding("modules.device", "sees_it", "ok", {**facts, "module": own[0]["path"]})
    generic = [module for module in loadable if vendor_of(module["path"]) in GENERIC and module["tokens"]]
    if generic:
        return Finding("modules.device", "generic", "ok", {**facts, "module": generic[0]["path"]})
    if own:
        return Finding("modules.device", "sees_nothing", "error", {**facts, "module": own[0]["path"]})
    return Finding("modules.device", "missing", "error", facts)


CHECK = Check("modules.device", examine, requires=("modules.loadable",))
