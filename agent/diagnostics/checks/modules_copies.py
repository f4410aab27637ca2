"""Are there copies of one module that differ, or parts missing beside one? (R22, rows 27 to 29)"""

from __future__ import annotations

from pathlib import Path

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

_PROXY = "p11-kit-proxy"


async def examine(probe: Probe) -> list[Finding]:
    findings = []
    for name, copies in probe.drivers.copies().items():
        if len({copy.sha256 for copy in copies}) > 1:
            paths = ", ".join(copy.path for copy in copies)
            findings.append(Finding("modules.copies", "differ", "warning", {"name": name, "paths": paths}))
    for module in await probe.modules():
        path = str(module["path"])
        missing = probe.drivers.missing_parts(path)
        if missing:
            facts = {"module": path, "missing": ", ".join(missing)}
            findings.append(Finding("modules.copies", "incomplete", "error", facts))
        if _PROXY in Path(path).name:
            findings.append(Finding("modules.copies", "proxy", "warning", {"module": path}))
    return findings or [Finding("modules.copies", "in_order", "ok")]


CHECK = Check("modules.copies", examine)
