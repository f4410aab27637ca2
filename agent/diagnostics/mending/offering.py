"""The way of a remedy: offered, agreed to by whoever calls, performed, remembered, undone.

For callers (the command, the window): `offer` tells what could be done, `lines` says it in a language, `perform` does
one offer, `undo` takes a performed one back. Checking again is theirs: `base.run` over the areas of the findings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from agent.diagnostics.base import Finding
from agent.diagnostics.mending import records
from agent.diagnostics.mending.base import Ground, Offer, Step
from agent.diagnostics.mending.records import Done, Record
from agent.diagnostics.mending.remedies import REMEDIES
from agent.diagnostics.mending.steps import STEPS, UNDOING
from agent.errors import MendFailed, RightsRefused
from agent.texts.catalogue import text
from agent.texts.visible import visible


async def offer(findings: Sequence[Finding], ground: Ground, only: Iterable[str] = ()) -> list[Offer]:
    """What can be mended of these findings here. `only`: ids of checks; empty: all. One offer for each remedy."""
    chosen = set(only)
    offers = []
    for remedy in REMEDIES:
        cured: list[Finding] = []
        steps: dict[Step, None] = {}
        for finding in findings:
            if (finding.id, finding.case) in remedy.cures and (not chosen or finding.id in chosen):
                planned = await asyncio.to_thread(remedy.plan, finding, ground)
                if planned:
                    cured.append(finding)
                    steps |= dict.fromkeys(planned)
        if cured:
            offers.append(Offer(remedy.id, tuple(cured), tuple(steps)))
    return offers


def lines(offered: Offer, ground: Ground, language: str) -> list[str]:
    """What would be done: a heading, then one line for each step, commands of the administrator to the letter."""
    told = [step.told(ground) for step in offered.steps]
    worded = [
        text(f"mend.step.{key}.text", language, **{name: visible(str(fact)) for name, fact in facts.items()})
        for key, facts in told
    ]
    return [title(offered.remedy, language), *worded]


def title(remedy: str, language: str) -> str:
    """What a remedy does, in a sentence."""
    return text(f"mend.{remedy}.text", language)


async def perform(offered: Offer, ground: Ground) -> Record:
    """Do it, and remember how it was; a record without steps is not kept, for nothing of it could be undone.

    Raises errors of ours; what was done until then is undone by `undo`.
    """
    record = Record(
        number=0,  # until its first step is begun
        remedy=offered.remedy,
        time=f"{ground.now():%Y-%m-%dT%H:%M:%SZ}",
        findings=tuple(dict.fromkeys(finding.id for finding in offered.findings)),
    )
    for step in offered.steps:
        kept = step.keep(ground)
        before = record
        if kept is not None:
            record = _remembered(record, (*record.steps, Done(step.kind, kept)), ground)
        try:
            more = await step.do(ground)
        except RightsRefused:  # nothing was done, so there is nothing to be undone
            if kept is not None:
                _remembered(record, before.steps, ground)
            raise
        if kept is not None and more:
            record = _remembered(record, (*before.steps, Done(step.kind, {**kept, **more})), ground)
    return record


def _remembered(record: Record, steps: tuple[Done, ...], ground: Ground) -> Record:
    """The record with these steps, as it is on the disk now; without steps it is not kept."""
    record = msgspec.structs.replace(record, steps=steps)
    if not steps:
        records.remove(ground.locations, record)
    elif record.number:
        records.write(ground.locations, record)
    else:
        record = records.begin(ground.locations, record)
    return record


def performed(ground: Ground) -> list[Record]:
    """What was mended and not undone, the oldest first. Raises FileUnreadable."""
    return records.read(ground.locations)


def undo_lines(record: Record, ground: Ground, language: str) -> list[str]:
    """What `undo` would do: one line for each step, the last first."""
    told = [
        taken
        for done in reversed(record.steps)
        if done.kind in UNDOING
        for taken in UNDOING[done.kind](done.kept, ground)
    ]
    return [
        text(f"mend.undo.{key}.text", language, **{name: visible(str(fact)) for name, fact in facts.items()})
        for key, facts in told
    ]


async def undo(record: Record, ground: Ground) -> None:
    """Bring back how it was, the last step first. Raises MendOverwritten where somebody changed it since."""
    for done in reversed(record.steps):
        taken_back = STEPS.get(done.kind)
        if taken_back is None:
            raise MendFailed(step=done.kind, reason="unknown")
        try:
            await taken_back(done.kept, ground)
        except (KeyError, ValueError) as error:
            raise MendFailed(step=done.kind, reason="damaged record") from error
    records.remove(ground.locations, record)
