"""What a remedy is: for which findings it is, and the steps it would take on this very machine.

Nothing is done while an offer is made. A step says what it will do before it does it, keeps what it needs to be undone,
and is one of a small fixed set (`steps.py`): no command line is ever made out of what others wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent import config
from agent.diagnostics.base import Finding
from agent.errors import Fact

if TYPE_CHECKING:
    from pathlib import Path

Fetch = Callable[[str], Awaitable[bytes]]  # an address in, octets out; raises errors of ours


class Kept(NamedTuple):
    """What a step needs to be undone; `data` is plain JSON."""

    kind: str  # of the step: a key of `steps.STEPS`
    data: Mapping[str, str | int | None]


class Step(Protocol):
    """One thing that is done. Worded by `mend.step.KIND.text` with `facts`."""

    kind: str

    @property
    def administrator(self) -> bool:
        """Whether it needs administrator rights; the exact command is then the fact `command`."""
        ...

    def facts(self, ground: Ground) -> Mapping[str, Fact]: ...

    def keep(self, ground: Ground) -> Kept:
        """How it is now, looked at before anything is done."""
        ...

    async def do(self, ground: Ground) -> None:
        """Raises errors of ours."""
        ...


class Administrator(Protocol):
    """The one way to administrator rights."""

    def command(self, words: tuple[str, ...]) -> tuple[str, ...] | None:
        """The whole command line as it will be run ("pkexec", ...); None where there is no way to such rights."""
        ...

    async def run(self, words: tuple[str, ...], given: bytes) -> None:
        """`given` is what the program reads on stdin. Raises MendRefused or MendFailed."""
        ...


class Ground(NamedTuple):
    """What remedies stand on: places, the way to more rights and to the network."""

    locations: config.Locations
    environment: Mapping[str, str]
    root: Path  # "/" but in tests: before the paths that steps look at
    administrator: Administrator
    fetch: Fetch
    now: Callable[[], datetime]

    @property
    def home(self) -> Path:
        from pathlib import Path

        return Path(self.environment.get("HOME") or Path.home())


class Remedy(NamedTuple):
    """Worded by `mend.ID.text`. `plan` looks and touches nothing; no steps: it is not for this machine."""

    id: str
    cures: frozenset[tuple[str, str]]  # (id of the check, case)
    plan: Callable[[Finding, Ground], Awaitable[tuple[Step, ...]]]


class Offer(NamedTuple):
    """What would be done about a finding. One offer may be for several findings."""

    remedy: str
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]

    @property
    def administrator(self) -> bool:
        return any(step.administrator for step in self.steps)
