"""What methods work with; built once, in app.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.api.batches import Batches
from agent.api.uploads import Uploads
from agent.config import Locations, Settings
from agent.consent.origins import Origins
from agent.consent.pause import Pause
from agent.diagnostics.quick import QuickLook
from agent.errors import NotRunning
from agent.journal import Journal
from agent.policy import RIGHTS, Policy
from agent.records.index import Index
from agent.signing.managing import Managing
from agent.signing.procedure import Signing
from agent.signing.queue import PersonQueue
from agent.tokens.pool import TokenPool
from agent.trust.states import States


def _no_agent() -> None:
    raise NotRunning()


def _nothing(_settings: Settings) -> None:
    """Nothing of them is kept anywhere."""


async def _unasked(_certificate: bytes, _known: Sequence[bytes]) -> None:
    raise NotRunning()


def _nobody() -> None:
    """No window is made ready."""


async def _no_desk(_page: str, _files: tuple[str, ...]) -> None:
    raise NotRunning()


@dataclasses.dataclass
class Services:
    version: str
    locations: Locations
    language: str
    policy: Policy
    origins: Origins
    journal: Journal
    tokens: TokenPool
    queue: PersonQueue
    pause: Pause
    signing: Signing
    managing: Managing
    uploads: Uploads
    now: Callable[[], datetime]  # UTC
    port: Callable[[], int | None]  # the loopback port, while one is held
    icon: Callable[[], str] = str  # where the icon is seen (`desktop.tray.tray.Shown`); empty: the agent shows none
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)  # of the session that the agent is in
    rights: frozenset[str] = frozenset(RIGHTS)  # of the user whose agent this is, by policy
    index: Index = dataclasses.field(init=False)  # of the journal
    batches: Batches = dataclasses.field(default_factory=Batches)
    quick_look: QuickLook = dataclasses.field(default_factory=QuickLook)
    notices: Callable[[], list[Any]] = list  # what the person was told by notifications, oldest first
    states: States | None = None  # what was learned about revocation; None: of the state folder
    ask_state: Callable[[bytes, Sequence[bytes]], Awaitable[None]] = _unasked  # those who revoke: DER, known issuers
    endings: Callable[[], Sequence[Any]] = tuple  # certificates that were seen here, `signing.expiry.Ending`
    open_desk: Callable[[str, tuple[str, ...]], Awaitable[None]] = _no_desk  # a page of Pero's window, and files for it
    expect_person: Callable[[], None] = _nobody  # somebody is likely to be asked soon: a window is made ready
    applied: Callable[[Settings], None] = _nothing  # what was changed in the settings takes effect
    stop: Callable[[], None] = _no_agent  # ends the agent once the loop comes round to it

    def __post_init__(self) -> None:
        self.index = Index(self.locations.journal_index, self.journal)
        self.states = self.states or States(self.locations.states, self.now)
