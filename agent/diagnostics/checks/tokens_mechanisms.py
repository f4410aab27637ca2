"""Can each token sign with the keys that its certificates are of? (R5, R22, row 33)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    findings = [
        Finding("tokens.mechanisms", "no_gost", "error", {"label": token["label"], "serial": token["serial"]})
        for token in (await probe.listing())["tokens"]
        if token.get("gost_unsupported")
    ]
    return findings or [Finding("tokens.mechanisms", "able", "ok")]


CHECK = Check("tokens.mechanisms", examine, requires=("tokens.seen",))
