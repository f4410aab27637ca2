"""Is there a certificate to sign with, and until when? (R23, R24)"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.diagnostics.base import Check, Finding
from agent.diagnostics.probe import Probe

SOON = timedelta(days=30)
_OTHER_PROBLEMS = ("no_key", "key_usage", "key_unsupported")


async def examine(probe: Probe) -> list[Finding]:
    certificates = (await probe.listing())["certificates"]
    if not certificates:
        return [Finding("certificates.usable", "none", "warning")]
    findings = [_of_certificate(certificate, probe.now()) for certificate in certificates]
    if not any(finding.case in ("valid", "ends_soon") for finding in findings):
        findings.append(Finding("certificates.usable", "none_usable", "error"))
    return findings


def _of_certificate(certificate: dict[str, Any], now: datetime) -> Finding:
    begin, end = _time(certificate["not_before"]), _time(certificate["not_after"])
    facts = {
        "owner": certificate["owner"],
        "thumbprint": certificate["thumbprint"],
        "begin": f"{begin:%Y-%m-%d}",
        "end": f"{end:%Y-%m-%d}",
        "days": (end - now).days,
    }
    if now > end:
        return Finding("certificates.usable", "expired", "warning", facts)
    if now < begin:
        return Finding("certificates.usable", "not_yet_valid", "warning", facts)
    for problem in _OTHER_PROBLEMS:
        if problem in certificate["problems"]:
            return Finding("certificates.usable", problem, "warning", facts)
    if end - now <= SOON:
        return Finding("certificates.usable", "ends_soon", "warning", facts)
    return Finding("certificates.usable", "valid", "ok", facts)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


CHECK = Check("certificates.usable", examine, requires=("tokens.seen",))
