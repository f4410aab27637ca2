"""Are several tokens plugged in? Pero lets the person choose; some portals' plug-ins refuse. (R22, row 9)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe
from agent.diagnostics.probes.apart import apart
from agent.errors import Fact
from agent.model import KEY_FILES


async def examine(probe: Probe) -> list[Finding]:
    tokens = [token for token in (await probe.listing())["tokens"] if token["module"] != KEY_FILES]
    plugins = [one.product.name for one in await apart(probe.products.installed, "plugin")]
    if len(tokens) < 2:
        return [Finding("tokens.several", "one_or_none", "not_applicable")]
    if plugins:
        facts: dict[str, Fact] = {"count": len(tokens), "names": ", ".join(plugins)}
        return [Finding("tokens.several", "several_with_plugins", "warning", facts)]
    return [Finding("tokens.several", "several", "ok", {"count": len(tokens)})]


CHECK = Check("tokens.several", examine, requires=("tokens.seen",))
