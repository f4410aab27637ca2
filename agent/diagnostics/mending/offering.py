"""The way of a remedy: offered, agreed to by whoever calls, performed, remembered, undone.

For callers (the command, the window): `offer` tells what could be done, `lines` says it in a language, `perform` does
one offer, `undo` takes a performed one back. Checking again is theirs: `base.run` over the areas of the findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.diagnostics.base import Finding
from agent.diagnostics.mending.base import Ground, Offer
from agent.diagnostics.mending.records import Record


async def offer(findings: Sequence[Finding], ground: Ground, only: Iterable[str] = ()) -> list[Offer]:
    """What can be mended of these findings here, in their order. `only`: ids of checks; empty: all."""
    raise NotImplementedError


def lines(offered: Offer, ground: Ground, language: str) -> list[str]:
    """What would be done: a heading, then one line for each step, commands of the administrator to the letter."""
    raise NotImplementedError


async def perform(offered: Offer, ground: Ground) -> Record:
    """Do it, and remember how it was. Raises errors of ours; what was done until then can be undone."""
    raise NotImplementedError


def performed(ground: Ground) -> list[Record]:
    """What was mended and not undone, the oldest first."""
    raise NotImplementedError


async def undo(record: Record, ground: Ground) -> None:
    """Bring back how it was, the last step first. Raises MendOverwritten where somebody changed it since."""
    raise NotImplementedError
