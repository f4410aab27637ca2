"""What a check is, what it finds, and how checks are run.

A check answers one question. What it looks for it returns as findings and never raises; an error of ours that reaches
`run` becomes a finding too. A check that stands on another one is not run where that one found nothing to stand on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from agent.errors import Fact, PeroError

if TYPE_CHECKING:
    from agent.diagnostics.probe import Probe

Level = Literal["ok", "warning", "error", "unknown"]
DEADLINE = 60.0  # seconds for one check


class Finding(msgspec.Struct, frozen=True):
    """One line of the report. Worded by the keys `check.ID.CASE.text` and, unless it is ok, `check.ID.CASE.advice`."""

    id: str  # of the check
    case: str
    level: Level
    facts: dict[str, Fact] = {}
    blocking: bool = False  # what stands on this check cannot be examined


class Check(NamedTuple):
    id: str
    examine: Callable[[Probe], Awaitable[list[Finding]]]
    requires: tuple[str, ...] = ()  # ids of checks that stand before it in the table


async def run(checks: Sequence[Check], probe: Probe, deadline: float = DEADLINE) -> list[Finding]:
    """The findings of all checks, in their order. `deadline`: seconds for each."""
    findings: list[Finding] = []
    for check in checks:
        blocked = {finding.id for finding in findings if finding.blocking}
        missing = [name for name in check.requires if name in blocked]
        if missing:
            findings.append(Finding(check.id, "skipped", "unknown", {"required": missing[0]}, blocking=True))
        else:
            findings += await _examined(check, probe, deadline)
    return findings


async def _examined(check: Check, probe: Probe, deadline: float) -> list[Finding]:
    try:
        async with asyncio.timeout(deadline):
            return await check.examine(probe)
    except TimeoutError:
        return [Finding(check.id, "timeout", "unknown", {"seconds": int(deadline)}, blocking=True)]
    except PeroError as error:
        return [Finding(check.id, "failed", "error", {**error.facts, "error": error.name}, blocking=True)]
