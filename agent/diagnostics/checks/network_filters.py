"""Does an antivirus program or a filter run here that is known to look into connections and programs? (R27, row 84)

The names of processes are general knowledge about these products; none of them was run.
"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

FILTERS: tuple[tuple[str, str], ...] = (  # name of the process as /proc says it (15 characters), product
    ("kesl", "Kaspersky Endpoint Security"),
    ("drweb-configd", "Dr.Web"),
    ("drweb-gated", "Dr.Web SpIDer Gate"),
    ("esets_daemon", "ESET"),
    ("wapd", "ESET"),
    ("sophos-spl", "Sophos"),
    ("falcon-sensor", "CrowdStrike"),
    ("secretnetd", "Secret Net"),
    ("adguard-cli", "AdGuard"),
)


async def examine(probe: Probe) -> list[Finding]:
    running = probe.system.running()
    names = dict.fromkeys(product for name, product in FILTERS if name in running)
    if names:
        return [Finding("network.filters", "present", "ok", {"names": ", ".join(names)})]
    return [Finding("network.filters", "none", "ok")]


CHECK = Check("network.filters", examine)
