"""From a message to its answer: who may call what, one place for every error, requests in flight.

Every call of `handle` ends in exactly one answer. The only `except Exception` of the program is here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from agent.api.caller import Caller, Pending, Role
from agent.api.messages import Request, failure, identifier_of, parse_parameters, parse_request, result
from agent.api.method import Method
from agent.api.methods import METHODS
from agent.api.rights import right_for
from agent.api.services import Services
from agent.errors import (
    BadRequest,
    Busy,
    Cancelled,
    Internal,
    NotAllowed,
    PeroError,
    RightMissing,
    Stopping,
    UnknownMethod,
)

MAX_PENDING = 16  # requests in flight of one origin, over all its pages and browsers

_log = logging.getLogger("pero.api")


class Dispatcher:
    def __init__(self, services: Services, methods: Mapping[str, Method] | None = None) -> None:
        self._services = services
        self._methods = methods if methods is not None else {method.name: method for method in METHODS}
        self._pending_of: dict[str, int] = {}
        self._callers: set[Caller] = set()
        self._stopping = False

    def opened(self, caller: Caller) -> None:
        self._callers.add(caller)

    def closed(self, caller: Caller) -> None:
        """The connection is gone: what it asked for is withdrawn, and the queue goes on."""
        self._callers.discard(caller)
        caller.gone = True
        self._services.uploads.forget(caller)
        self._services.batches.forget(caller)
        caller.withdraw_all(Cancelled())

    def is_allowed(self, page: Caller) -> bool:
        """Whether the person allowed this page's origin, for good or for this connection."""
        origins = self._services.origins
        return (page.allowed_once and not origins.is_blocked(page.origin)) or origins.is_allowed(page.origin)

    def stop(self) -> None:
        """Tell every request in flight that the agent stops; later ones are told the same."""
        self._stopping = True
        self._services.batches.stop()
        for caller in list(self._callers):
            caller.withdraw_all(Stopping())

    async def drained(self, seconds: float) -> None:
        """Wait until no request is in flight, at most so long."""
        tasks: list[asyncio.Task[Any]] = [*self._services.batches.tasks]
        tasks += [pending.task for caller in self._callers for pending in caller.pending.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def handle(self, caller: Caller, payload: bytes | str | msgspec.Raw) -> bytes:
        """The answer to one message of this caller. Raises nothing but CancelledError of the handling task itself."""
        language = self._services.language
        try:
            request = parse_request(payload)
            if request.id in caller.pending:
                raise BadRequest(detail="id is in use")
            if caller.gone:
                raise Cancelled()
        except PeroError as error:
            return failure(identifier_of(payload), error, language)
        task = asyncio.ensure_future(self._answer(caller, request))
        pending = caller.pending[request.id] = Pending(task)
        try:
            return await task
        except asyncio.CancelledError:
            if pending.reason is None:  # we ourselves are cancelled, not the request
                task.cancel()
                raise
            return failure(request.id, pending.reason, language)
        finally:
            del caller.pending[request.id]

    async def _answer(self, caller: Caller, request: Request) -> bytes:
        try:
            return result(request.id, await self._call(caller, request))
        except PeroError as error:
            _log.info("refused method=%s role=%s error=%s", self._known(request.method), caller.role, error.name)
            return failure(request.id, error, self._services.language, await self._explained(caller, error))
        except Exception:  # noqa: BLE001 - the one place: a fault of ours is answered, logged, and stops nobody else
            _log.exception("internal method=%s role=%s", self._known(request.method), caller.role)
            return failure(request.id, Internal(), self._services.language)

    async def _explained(self, caller: Caller, error: PeroError) -> str:
        """The finding that explains an error to a page that was let in: its id, and nothing of what was found."""
        if caller.role is not Role.PAGE or not self.is_allowed(caller):
            return ""
        return await self._services.quick_look.explains(error.name)

    def _known(self, method: str) -> str:
        """A method's name for the log, into which no stranger writes words (or lines) of his own."""
        return method if method in self._methods else "?"

    async def _call(self, caller: Caller, request: Request) -> object:
        if self._stopping:
            raise Stopping()
        method = self._methods.get(request.method)
        self._permit(caller, method)
        if method is None or caller.role not in method.roles:
            raise UnknownMethod(method=request.method)
        right = right_for(method.name)
        if right and right not in self._services.rights:
            raise RightMissing(right=right)
        parameters = parse_parameters(request.params, method.parameters)
        with _Place(self._pending_of, caller):
            if method.leads_to_person and caller.prompter.kind == "window" and self._is_let_in(caller):
                self._services.expect_person()
            return await method.handle(self._services, caller, parameters)

    def _is_let_in(self, caller: Caller) -> bool:
        return caller.role is not Role.PAGE or self.is_allowed(caller)

    def _permit(self, caller: Caller, method: Method | None) -> None:
        """An origin that the person did not allow gets one answer to everything but first contact."""
        if caller.role is not Role.PAGE or (method is not None and method.before_consent):
            return
        if not self.is_allowed(caller):
            raise NotAllowed()


class _Place:
    """One of the places that an origin has for requests in flight."""

    def __init__(self, taken: dict[str, int], caller: Caller) -> None:
        self._taken = taken
        self._origin = caller.origin if caller.role is Role.PAGE else ""

    def __enter__(self) -> None:
        if not self._origin:
            return
        if self._taken.get(self._origin, 0) >= MAX_PENDING:
            raise Busy(limit=MAX_PENDING)
        self._taken[self._origin] = self._taken.get(self._origin, 0) + 1

    def __exit__(self, *_: object) -> None:
        if not self._origin:
            return
        self._taken[self._origin] -= 1
        if not self._taken[self._origin]:
            del self._taken[self._origin]
