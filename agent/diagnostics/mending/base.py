"""What a remedy is: for which findings it is, and the steps it would take on this very machine.

Nothing is done while an offer is made. A step says what it will do before it does it, keeps what it needs to be undone,
and is one of a small fixed set (`steps.STEPS`): no command line is ever made out of what others wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from agent import config
from agent.diagnostics.base import Finding
from agent.errors import Fact

Fetch = Callable[[str], Awaitable[bytes]]  # an address in, octets out; raises errors of ours
Kept = dict[str, str | int | None]  # plain JSON: how it was before a step
Told = tuple[str, Mapping[str, Fact]]  # key of the wording after "mend.step.", and its facts


class Step(Protocol):
    """One thing that is done. `kind` is its row in `steps.STEPS`, by which it is undone."""

    kind: ClassVar[str]
    administrator: ClassVar[bool]  # whether it needs such rights; the fact `command` is then the exact command line

    def told(self, ground: Ground) -> Told:
        """What it will do."""
        ...

    def keep(self, ground: Ground) -> Kept | None:
        """How it is now, looked at before anything is done; None: nothing stays that could be undone.

        Raises errors of ours where it ought to be undone and could not."""
        ...

    async def do(self, ground: Ground) -> Kept | None:
        """What is known only afterwards and is kept besides; None: nothing. Raises errors of ours."""
        ...


class Command(NamedTuple):
    """A program of the system with fixed words. `words[0]` is its bare name; `given` is what it reads on stdin."""

    words: tuple[str, ...]
    given: bytes = b""


class Administrator(Protocol):
    """The one way to administrator rights."""

    def line(self, command: Command) -> tuple[str, ...] | None:
        """The whole command line as it will be run ("/usr/bin/pkexec", ...); None: no way to it, or no such program."""
        ...

    async def run(self, command: Command) -> None:
        """Raises RightsRefused or MendFailed."""
        ...


class Agent(Protocol):
    """The agent of this state folder, as a process."""

    async def start(self) -> None:
        """Start it and wait until it answers. Raises MendFailed."""
        ...

    async def stop(self) -> bool:
        """End it and wait for its end; whether one was running."""
        ...


class Ground(NamedTuple):
    """What remedies stand on: places, the way to more rights, to the agent and to the network."""

    locations: config.Locations
    environment: Mapping[str, str]
    root: Path  # "/" but in tests: stands before the system's paths that are looked at
    administrator: Administrator
    agent: Agent
    fetch: Fetch
    certificates: Callable[
        [], Awaitable[tuple[bytes, ...]]
    ]  # DER of those that tokens and key files hold, and Pero's own
    now: Callable[[], datetime]

    @property
    def home(self) -> Path:
        return Path(self.environment.get("HOME") or Path.home())


class Remedy(NamedTuple):
    """Worded by `mend.ID.text`. `plan` looks and touches nothing; no steps: it is not for this machine."""

    id: str
    cures: frozenset[tuple[str, str]]  # (id of the check, case)
    plan: Callable[[Finding, Ground], tuple[Step, ...]]


class Offer(NamedTuple):
    """What would be done about findings that one remedy is for."""

    remedy: str
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]

    @property
    def administrator(self) -> bool:
        return any(step.administrator for step in self.steps)
