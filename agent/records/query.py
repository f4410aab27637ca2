"""What is sought in the journal."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agent.journal import Entry
from agent.records.words import asked_terms, filter_term

MAX_WORDS = 500  # characters
MAX_FOUND = 1000  # entries in one answer

Moment = Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?$")]


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every part that is given must fit. The newest come first."""

    words: Annotated[str, msgspec.Meta(max_length=MAX_WORDS)] = ""  # all of them; of three letters or more: beginnings
    kind: Annotated[str, msgspec.Meta(max_length=100)] = ""
    outcome: Annotated[str, msgspec.Meta(max_length=100)] = ""
    site: Annotated[str, msgspec.Meta(max_length=2048)] = ""  # the origin
    since: Moment = ""  # UTC, with milliseconds and Z; this moment is in
    until: Moment = ""  # this moment is out
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None  # entries of smaller numbers: where the last answer ended
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_FOUND)] = 100

    def terms(self) -> list[tuple[str, ...]]:
        """As of `asked_terms`; the rarest are likely those of filters, and stand first."""
        filters = (("kind", self.kind), ("outcome", self.outcome), ("site", self.site))
        return [(filter_term(name, value),) for name, value in filters if value] + asked_terms(self.words)

    def in_period(self, time: str) -> bool:
        return (not self.since or time >= self.since) and (not self.until or time < self.until)


class Found(msgspec.Struct, frozen=True):
    entries: list[Entry]  # newest first
    next: int | None  # `before` of the next call; None: this was all
    behind: int = 0  # newest entries that are not in the index yet, and were not searched
