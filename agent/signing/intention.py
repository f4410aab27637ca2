"""An intention in the journal, and its outcome whatever happens: done, refused, failed, withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agent.errors import Fact, Internal, OutcomeUnknown, PeroError
from agent.journal import Journal
from agent.tokens.management import CancelledInDoubt


class Intention:
    """What is being done. `outcome` and `facts` are for the entry that ends it, when it ends well."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.outcome = "done"
        self.facts: dict[str, Fact] = {}

    def ended(self, outcome: str, **facts: Fact) -> None:
        self.outcome, self.facts = outcome, facts


@contextmanager
def intention(
    journal: Journal,
    kind: str,
    facts: Mapping[str, Fact],
    *,
    durable: bool = True,
    outcome_durable: bool = True,
    **failed: Fact,
) -> Iterator[Intention]:
    """Write the intention, run the block, write how it ended. `failed`: facts of the outcome where it ends badly.

    `durable` False: the block itself writes a durable entry before it does what cannot be taken back.
    `outcome_durable` False: how it ended is written at once and is on the disk soon after; for what such an entry tells
    already, all but its end.
    Raises JournalUnwritable before the block, which is then not run, or after it: what it made is then not let out.
    """
    begun = Intention(journal.begin(kind, facts, durable=durable))
    try:
        yield begun
    except BaseException as error:
        journal.finish(begun.number, _name(error), failed, durable=outcome_durable)
        raise
    journal.finish(begun.number, begun.outcome, begun.facts, durable=outcome_durable)


def _name(error: BaseException) -> str:
    if isinstance(error, PeroError):
        return error.name
    if isinstance(error, CancelledInDoubt):
        return OutcomeUnknown.name
    return "cancelled" if isinstance(error, asyncio.CancelledError) else Internal.name
