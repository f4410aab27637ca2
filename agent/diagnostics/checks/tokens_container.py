"""Is a key kept in a container of another product, which PKCS#11 does not show? (R22, R41, row 37)"""

from __future__ import annotations

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe


async def examine(probe: Probe) -> list[Finding]:
    findings = []
    for token in (await probe.listing())["tokens"]:
        product = token.get("foreign_container")
        if product:
            facts = {"label": token["label"], "serial": token["serial"], "product": product}
            findings.append(Finding("tokens.container", "foreign", "warning", facts))
    return findings or [Finding("tokens.container", "none", "not_applicable")]


CHECK = Check("tokens.container", examine, requires=("tokens.seen",))
