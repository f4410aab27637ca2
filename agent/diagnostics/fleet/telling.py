"""A finding in words that may leave the machine: facts that may not are marked as left out."""

from __future__ import annotations

import msgspec

from agent.diagnostics.base import Finding
from agent.diagnostics.fleet.figures import Run
from agent.diagnostics.report import wording

LEFT_OUT = "…"


def said(finding: Finding, run: Run, language: str) -> str:
    """Its wording with LEFT_OUT in place of what does not leave."""
    kept = run.facts(finding)
    facts = {name: kept.get(name, LEFT_OUT) for name in finding.facts}
    return wording(msgspec.structs.replace(finding, facts=facts), language)
