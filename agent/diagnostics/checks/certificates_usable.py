"""Is there a certificate to sign with, and until when? (R23, R24, rows 49, 50, 54, 56, 60, 64)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.certificates.description import Description
from agent.certificates.succession import successor
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.held import is_demo, of_row
from agent.diagnostics.probe import Probe
from agent.errors import Fact

_OTHER_PROBLEMS = ("key_period_over", "key_period_not_begun", "no_key", "key_usage", "key_unsupported")
_USABLE = ("valid", "ends_soon", "key_ends_soon", "demo")


async def examine(probe: Probe) -> list[Finding]:
    rows = (await probe.listing())["certificates"]
    if not rows:
        return [Finding("certificates.usable", "none", "warning")]
    soon = timedelta(days=probe.settings().expiry_days)
    readable = [one.described for row in rows if (one := of_row(row)) is not None]
    findings = [_of_certificate(row, readable, probe.now(), soon) for row in rows]
    if not any(finding.case in _USABLE for finding in findings):
        findings.append(Finding("certificates.usable", "none_usable", "error"))
    return findings


def _of_certificate(row: dict[str, Any], others: Sequence[Description], now: datetime, soon: timedelta) -> Finding:
    begin, end = _time(row["not_before"]), _time(row["not_after"])
    read = of_row(row)
    usage = read.described.usage if read else None
    facts: dict[str, Fact] = {
        "owner": row["owner"], "thumbprint": row["thumbprint"], "begin": f"{begin:%Y-%m-%d}", "end": f"{end:%Y-%m-%d}",
        "days": (end - now).days,
    }  # fmt: skip
    if now > end:
        newer = successor(read.described, others) if read else None
        if newer is not None and newer.not_before <= now <= newer.not_after:
            newer_end = f"{newer.not_after:%Y-%m-%d}"
            return Finding("certificates.usable", "expired_replaced", "ok", {**facts, "newer_end": newer_end})
        return Finding("certificates.usable", "expired", "warning", facts)
    if now < begin:
        return Finding("certificates.usable", "not_yet_valid", "warning", facts)
    if usage and usage.key_not_before:
        facts["key_begin"] = f"{usage.key_not_before:%Y-%m-%d}"
    if usage and usage.key_not_after:
        facts["key_end"] = f"{usage.key_not_after:%Y-%m-%d}"
        facts["key_days"] = (usage.key_not_after - now).days
    for problem in _OTHER_PROBLEMS:
        if problem in row["problems"]:
            return Finding("certificates.usable", problem, "warning", facts)
    if read and is_demo(read.described):
        return Finding("certificates.usable", "demo", "ok", facts)
    if usage and usage.key_not_after and usage.key_not_after < end and usage.key_not_after - now <= soon:
        return Finding("certificates.usable", "key_ends_soon", "warning", facts)
    if end - now <= soon:
        return Finding("certificates.usable", "ends_soon", "warning", facts)
    return Finding("certificates.usable", "valid", "ok", facts)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


CHECK = Check("certificates.usable", examine, requires=("tokens.seen",))
