"""Are the modules and the driver of readers as new as is known here, and is there one version of each? (R22)"""

from __future__ import annotations

from agent.diagnostics import versions
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.products import numbers
from agent.errors import Fact
from agent.tokens.vendors import vendor_of


async def examine(probe: Probe) -> list[Finding]:
    found = [
        (vendor_of(module["path"]), str(module["facts"].get("library_version", "")), str(module["path"]))
        for module in await probe.modules()
        if not module["error"]
    ]
    ccid = probe.usb.ccid()
    if ccid is not None and ccid.version:
        found.append(("ccid", ccid.version, ""))
    findings = [one for row in found if (one := _of_module(*row)) is not None]
    findings += _several(found)
    return findings or [Finding("modules.version", "not_known", "not_applicable")]


def _of_module(name: str, version: str, path: str) -> Finding | None:
    """None where it tells no version."""
    if not numbers(version):
        return None
    facts: dict[str, Fact] = {"driver": name, "version": version, "path": path}
    row = versions.known(name)
    if row is None:
        return Finding("modules.version", "not_in_table", "ok", facts)
    facts |= {"newest": row.text, "date": row.date}
    if numbers(version) >= row.newest:
        return Finding("modules.version", "newest", "ok", facts)
    if row.distribution:
        return Finding("modules.version", "of_distribution", "ok", facts)
    return Finding("modules.version", "older", "warning", facts)


def _several(found: list[tuple[str, str, str]]) -> list[Finding]:
    """Vendors of whom two modules are in use at once, of different versions."""
    seen: dict[str, dict[str, str]] = {}
    for name, version, path in found:
        if version:
            seen.setdefault(name, {})[version] = path
    return [
        Finding("modules.version", "several", "warning", {"driver": name, "versions": ", ".join(sorted(paths)),
                                                          "paths": ", ".join(paths.values())})
        for name, paths in seen.items()
        if len(paths) > 1
    ]  # fmt: skip


CHECK = Check("modules.version", examine, requires=("modules.loadable",))
