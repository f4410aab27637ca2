"""One login in which something is read or written besides a signature of a document."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from agent.errors import PeroError, PinIncorrect
from agent.ipc.pin import Ask, Pin
from agent.tokens import login, messages, objects, pkcs11
from agent.tokens.backend import Accept
from agent.tokens.labels import value_identifier
from agent.tokens.pkcs11 import Module, TokenInfo
from agent.tokens.writing import WritableSession, writable


class Work(NamedTuple):
    """What a step has while it acts: a session that is logged in, read-write where the step writes."""

    number: int  # of the request
    module: Module
    session: WritableSession
    slot: int
    info: TokenInfo
    secret: bytes | None  # for keys that want it again; None: it is typed at the reader


class Step(Protocol):
    @property
    def writes(self) -> bool:
        """Whether the token is changed: not possible with some, and then said before anything is asked."""
        ...

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        """Look at the token before a PIN is asked for."""
        ...

    def act(self, work: Work) -> messages.Done: ...


class OneLogin:
    """Ask for the user PIN, log in, let the step act, log out."""

    def __init__(self, module: Module, request: messages.Manage, step: Step) -> None:
        self._module = module
        self._request = request
        self._step = step
        self._retry = False

    def ask(self) -> Ask:
        slot, info = login.find_token(self._module, self._request.token)
        ask = login.ask_user(info, retry=self._retry)
        if self._step.writes:
            login.check_writable(info)
        self._step.check(self._module, slot, info)
        return ask

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        slot, info = login.find_token(self._module, self._request.token)
        secret = login.secret_of(pin, info)
        login.check_last_try(pin.for_last_try, info)
        try:
            with (
                writable(self._module, slot, info.label, only_read=not self._step.writes) as session,
                login.logged_in(session, info, secret, accepted),
            ):
                if self._step.writes:
                    remove_left(session, self._request.left)
                return self._step.act(Work(self._request.id, self._module, session, slot, info, secret))
        except PinIncorrect as error:
            self._retry = True
            raise login.judged(self._module, slot) from error

    def close(self) -> None:
        pass


def remove_left(session: WritableSession, left: Sequence[str]) -> None:
    """Take away key pairs that were never finished: their ids are random, and nobody's but ours. Where only the private
    half got the id that is made of the value, it goes by that. One with a certificate was finished all the same."""
    if not left:
        return
    used = {one.name.id for one in objects.read_all(session) if one.certificates}
    for identifier in map(bytes.fromhex, left):
        public = [half for half in objects.halves(session, pkcs11.PUBLIC_KEY) if half.id == identifier]
        ids = {identifier, *(value_identifier(half.value) for half in public)} - {b""}
        if used & {one.hex() for one in ids}:
            continue
        private = [half for half in objects.halves(session, pkcs11.PRIVATE_KEY) if half.id in ids]
        for half in [*private, *public]:
            with suppress(PeroError):
                session.destroy(half.handle)
