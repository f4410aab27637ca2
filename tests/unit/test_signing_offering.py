"""What a window offers while a module is still being asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import CertificateUnknown, ModuleSlow
from agent.model import Listing, ModuleFault
from agent.signing.filters import Filter
from agent.signing.fitting import Candidate, candidates
from agent.signing.offering import Offer
from tests.harness.core import Core

SLOW = "/slow.so"


class Tokens:
    """A quick certificate, or none; one more when the slow module answers."""

    def __init__(self, core: Core, quick: bool) -> None:
        self._core = core
        if quick:
            core.tokens.add("Quick")
        self.before = tuple(core.tokens.entries)
        core.tokens.add("Late")
        self.answered = False
        self.waited = 0

    async def listing(self) -> Listing:
        self.waited += 1
        return await self._core.tokens.listing()

    async def listing_soon(self, patience: float | None = None) -> Listing:
        whole = await self._core.tokens.listing()
        if self.answered:
            return whole
        tokens = whole.tokens if self.before else ()
        return Listing(self.before, tokens, (ModuleFault(SLOW, ModuleSlow.name, {"module": SLOW}),))

    async def module_states(self) -> list[Any]:
        return []

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[object]]:
        async def answers() -> AsyncIterator[object]:
            self.answered = True
            yield "module_answered"

        yield answers()


class Window:
    kind = "window"


class Terminal:
    kind = "terminal"


def offer(tokens: Tokens, prompter: object, wanted: Filter) -> Offer:
    def fit(listing: Listing) -> tuple[Candidate, ...]:
        found = candidates(listing, wanted, datetime.now(UTC))
        if wanted.thumbprints and not found:
            raise CertificateUnknown(thumbprint=wanted.thumbprints[0])
        return found

    return Offer(tokens, fit, lambda _: (), prompter, "en")  # type: ignore[arg-type]


async def test_a_window_opens_with_what_is_there_and_gets_the_rest_when_it_comes(tmp_path: Path) -> None:
    tokens = Tokens(Core(tmp_path), quick=True)
    offered = offer(tokens, Window(), Filter())
    await offered.look()
    assert tokens.waited == 0
    assert len(offered.now.certificates) == 1
    assert [SLOW in fault for fault in offered.now.faults] == [True]
    updates = offered.updates()
    assert updates is not None
    last = [now async for now in updates][-1]
    assert len(last.certificates) == 2
    assert last.faults == ()


async def test_what_was_asked_for_by_name_and_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    tokens = Tokens(Core(tmp_path), quick=True)
    late = (await tokens.listing()).certificates[-1].thumbprint
    tokens.waited = 0
    offered = offer(tokens, Window(), Filter(thumbprints=(late,)))
    await offered.look()
    assert tokens.waited == 1
    assert [certificate.thumbprint for certificate in offered.now.certificates] == [late]


async def test_a_window_without_anything_to_choose_waits(tmp_path: Path) -> None:
    tokens = Tokens(Core(tmp_path), quick=False)
    offered = offer(tokens, Window(), Filter())
    await offered.look()
    assert tokens.waited == 1
    assert len(offered.now.certificates) == 1


async def test_whoever_sees_no_list_that_changes_gets_the_whole_one(tmp_path: Path) -> None:
    tokens = Tokens(Core(tmp_path), quick=True)
    offered = offer(tokens, Terminal(), Filter())
    await offered.look()
    assert tokens.waited == 1
    assert len(offered.now.certificates) == 2
