"""What a check is, what it finds, and how checks are run.

A check answers one question. What it looks for it returns as findings and never raises; an error of ours that reaches
`run` becomes a finding too. A check that stands on another one is not run where that one found nothing to stand on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from agent.errors import Fact, PeroError

if TYPE_CHECKING:
    from agent.diagnostics.probe import Probe

Status = Literal["ok", "warning", "error", "unknown", "not_applicable"]
STATUSES: tuple[Status, ...] = ("ok", "warning", "error", "unknown", "not_applicable")
AREAS = (
    "hardware", "pcsc", "modules", "tokens", "certificates", "time", "browsers", "network", "remote", "policy",
    "portals", "providers", "agent",
)  # fmt: skip
DEADLINE = 45.0  # seconds for one check; a module that hangs is given up after 30 by its pool

_log = logging.getLogger("pero.diagnostics")


class Finding(msgspec.Struct, frozen=True):
    """One row of the report. Worded by the keys `check.ID.CASE.text` and, unless all is well, `check.ID.CASE.advice`
    and `check.ID.CASE.why` or, for all cases of the check, `check.ID.why`."""

    id: str  # of the check
    case: str
    status: Status
    facts: Mapping[str, Fact] = {}
    blocking: bool = False  # what stands on this check cannot be examined

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]

    @property
    def well(self) -> bool:
        """Whether nothing needs to be done."""
        return self.status in ("ok", "not_applicable")


class Check(NamedTuple):
    """`id` is AREA.NAME and never changes once released; the file is AREA_NAME.py."""

    id: str
    examine: Callable[[Probe], Awaitable[list[Finding]]]
    requires: tuple[str, ...] = ()  # ids of checks that stand before it in the table

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]


async def run(
    checks: Sequence[Check],
    probe: Probe,
    deadline: float = DEADLINE,
    areas: Collection[str] = (),
    only: Collection[str] = (),
    told: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """The findings of all checks, in their order; the checks run side by side. `deadline`: seconds for each.

    `areas`, `only` (ids): what these tell; what they stand on is examined all the same, and not told.
    `told` is called whenever a check is done: how many are, and how many there are.
    """
    wanted = [check for check in checks if (not areas or check.area in areas) and (not only or check.id in only)]
    tasks: dict[str, asyncio.Task[list[Finding]]] = {}
    for check in _with_required(checks, wanted):
        tasks[check.id] = asyncio.create_task(_after_required(check, tasks.copy(), probe, deadline))
    if told is not None:
        _count_done(tasks.values(), told)
    try:
        await asyncio.gather(*tasks.values())
    finally:
        for task in tasks.values():
            task.cancel()
    return _to_roots(_each_error_once([finding for check in wanted for finding in tasks[check.id].result()]))


def _count_done(tasks: Collection[asyncio.Task[list[Finding]]], told: Callable[[int, int], None]) -> None:
    def count(_: object) -> None:
        told(sum(task.done() for task in tasks), len(tasks))

    for task in tasks:
        task.add_done_callback(count)


def _each_error_once(findings: Sequence[Finding]) -> list[Finding]:
    """What one error kept several checks from is told by the first; the others stand on that one."""
    told: dict[str, str] = {}
    kept = []
    for finding in findings:
        if finding.case == "failed":
            first = told.setdefault(repr(sorted(finding.facts.items())), finding.id)
            if first != finding.id:
                finding = Finding(finding.id, "skipped", "unknown", {"required": first}, blocking=True)
        kept.append(finding)
    return kept


def _to_roots(findings: Sequence[Finding]) -> list[Finding]:
    """What was skipped names what has to be mended, not a check that was itself skipped for that."""
    skipped = {finding.id: str(finding.facts["required"]) for finding in findings if finding.case == "skipped"}
    return [
        msgspec.structs.replace(finding, facts={"required": _root(skipped, finding.id)})
        if finding.case == "skipped"
        else finding
        for finding in findings
    ]


def _root(skipped: Mapping[str, str], identifier: str) -> str:
    """Required checks stand before those that require them: this ends."""
    while identifier in skipped:
        identifier = skipped[identifier]
    return identifier


def _with_required(checks: Sequence[Check], wanted: Sequence[Check]) -> list[Check]:
    """Those wanted and all that they stand on, in the order of the table."""
    needed = {check.id for check in wanted}
    for check in reversed(checks):  # what is required stands before what requires it
        if check.id in needed:
            needed |= set(check.requires)
    return [check for check in checks if check.id in needed]


async def _after_required(
    check: Check, tasks: Mapping[str, asyncio.Task[list[Finding]]], probe: Probe, deadline: float
) -> list[Finding]:
    for required in check.requires:
        if any(finding.blocking for finding in await asyncio.shield(tasks[required])):
            return [Finding(check.id, "skipped", "unknown", {"required": required}, blocking=True)]
    try:
        async with asyncio.timeout(deadline):
            return await check.examine(probe)
    except TimeoutError:
        return [Finding(check.id, "timeout", "unknown", {"seconds": int(deadline)}, blocking=True)]
    except PeroError as error:
        return [Finding(check.id, "failed", "error", {**error.facts, "error": error.name}, blocking=True)]
    except Exception as error:  # noqa: BLE001 - a fault in one check must not take the report of the others
        _log.warning("check %s: %s", check.id, type(error).__name__)
        return [Finding(check.id, "broken", "unknown", {"reason": type(error).__name__}, blocking=True)]
