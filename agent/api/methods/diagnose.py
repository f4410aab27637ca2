"""`diagnose`: what a quick look finds on this machine, in words: for the extension's popup, and for no page."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from agent.api.caller import Caller, Role
from agent.api.method import Method
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: Literal["", "ru", "en"] = ""  # empty: the agent's


async def diagnose(services: Services, _caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Only what is not well is worded: certificates and tokens in order are nobody's business in a browser."""
    from agent.diagnostics import report

    findings = await services.quick_look.findings()
    language = parameters.language or services.language
    return {
        "findings": [
            {
                "id": finding.id,
                "status": finding.status,
                "text": report.wording(finding, language),
                "why": report.why(finding, language),
                "advice": report.advice(finding, language),
            }
            for finding in report.worst_first(findings)
            if not finding.well
        ],
        "counts": report.counts(findings),
    }


METHOD = Method("diagnose", frozenset({Role.EXTENSION}), Parameters, diagnose)
