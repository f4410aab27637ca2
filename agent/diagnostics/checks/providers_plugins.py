"""Which plug-ins of other vendors are on this machine, and is any too old for the browsers? (R41, row 75)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.apart import apart
from agent.diagnostics.probes.products import Installed


async def examine(probe: Probe) -> list[Finding]:
    findings = [_of_plugin(one) for one in await apart(probe.products.installed, "plugin")]
    return findings or [Finding("providers.plugins", "none", "not_applicable")]


def _of_plugin(one: Installed) -> Finding:
    if one.outdated:
        least = ".".join(map(str, one.product.least))
        return Finding("providers.plugins", "outdated", "warning", {**one.facts, "least": least})
    return Finding("providers.plugins", "present", "ok", one.facts)


CHECK = Check("providers.plugins", examine)
