"""Who calls: fixed when the connection opens, never told by a message."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable

from agent.api.messages import Identifier
from agent.api.protocol import Lent
from agent.consent.prompter import Prompter
from agent.errors import PeroError


class Role(enum.StrEnum):
    PAGE = "page"
    EXTENSION = "extension"
    COMMAND = "command"


class Pending:
    """A request in flight; `reason` is what its caller is told when it is withdrawn."""

    def __init__(self, task: asyncio.Task[bytes]) -> None:
        self.task = task
        self.reason: PeroError | None = None

    def withdraw(self, reason: PeroError) -> None:
        if not self.task.done() and self.reason is None:
            self.reason = reason
            self.task.cancel()


class Caller:
    """One page, one extension or one command, on one connection.

    `origin` is canonical (consent.origins) for pages and "" otherwise. `prompter` is how the person is asked for it.
    `lent`: until a request takes it; the descriptors stay its connection's.
    """

    def __init__(self, role: Role, origin: str, transport: str, prompter: Prompter, lent: Lent | None = None) -> None:
        self.role = role
        self.origin = origin
        self.transport = transport
        self.prompter = prompter
        self.lent = lent
        self.allowed_once = False  # allowed for as long as this connection lives
        self.gone = False  # its connection ended: nothing more is begun for it
        self.pending: dict[Identifier, Pending] = {}
        self.notify: Callable[[bytes], None] | None = None  # sends a notification; None: its transport sends none

    def tell(self, notification: bytes) -> None:
        """Send a notification, where its transport does so and it is still there."""
        if self.notify is not None and not self.gone:
            self.notify(notification)

    def withdraw_all(self, reason: PeroError) -> None:
        for pending in list(self.pending.values()):
            pending.withdraw(reason)
