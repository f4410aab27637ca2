"""Changing, unblocking and setting PINs. No PIN is tried that was not typed for it, and none twice in vain.

By PKCS#11 the security officer logs in and sets a new user PIN (C_InitPIN, v2.40 section 5.5). Cards behind OpenSC have
a PUK instead: see `opensc`.
"""

from __future__ import annotations

from agent.errors import (
    LastTryUnconfirmed,
    PeroError,
    PinAlreadySet,
    PinIncorrect,
    PinInvalid,
    PinLength,
    PinLocked,
    SoPinLocked,
)
from agent.ipc.pin import Ask, Pin
from agent.tokens import login, messages, opensc, pkcs11, tasks
from agent.tokens.backend import Accept
from agent.tokens.pkcs11 import TokenInfo
from agent.tokens.writing import WritableSession, writable


class _TwoSecrets:
    """The first secret is kept until the second one came. It is tried with either."""

    _officer = False  # whether it is the security officer's, or the PUK

    def __init__(self, module: pkcs11.Module, request: messages.Manage) -> None:
        self._module = module
        self._request = request
        self._first: Pin | None = None
        self._agreed = False  # to spend the last try on the first secret
        self._retry = False

    def ask(self) -> Ask:
        _, info = login.find_token(self._module, self._request.token)
        login.check_writable(info)
        return login.ask_new(info) if self._first else self._ask_first(info)

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        slot, info = login.find_token(self._module, self._request.token)
        secret = login.secret_of(pin, info)
        if self._first is None:
            self._agreed = pin.for_last_try
        try:
            login.check_last_try(self._agreed, info, officer=self._officer)
        except LastTryUnconfirmed:
            self.close()  # both are asked for anew
            raise
        if secret is None:
            self._at_reader(slot, info)
        elif self._first is None:
            try:
                self._check_first(slot, info, secret, accepted)
            except PinIncorrect as error:
                raise self._wrong(slot) from error
            self._first = Pin(bytearray(secret))
            return None
        else:
            self._set(slot, info, self._first.reveal(), secret)
        accepted()
        return messages.Done(self._request.id)

    def _set(self, slot: int, info: TokenInfo, first: bytes, new: bytes) -> None:
        try:
            with writable(self._module, slot, info.label) as session:
                self._apply(session, info, first, new)
        except PinIncorrect as error:  # a PUK is tried only now; a PIN was changed elsewhere meanwhile
            self.close()
            raise self._wrong(slot) from error
        except PeroError as error:
            raise _refused(error, info) from error

    def close(self) -> None:
        if self._first:
            self._first.wipe()
        self._first = None

    def _wrong(self, slot: int) -> PeroError:
        self._retry = True
        return login.judged(self._module, slot)

    # what the two kinds differ in

    def _ask_first(self, info: TokenInfo) -> Ask:
        raise NotImplementedError

    def _check_first(self, slot: int, info: TokenInfo, secret: bytes, accepted: Accept) -> None:
        raise NotImplementedError

    def _apply(self, session: WritableSession, info: TokenInfo, first: bytes, new: bytes) -> None:
        raise NotImplementedError

    def _at_reader(self, slot: int, info: TokenInfo) -> None:
        raise NotImplementedError


class Changing(_TwoSecrets):
    """The user PIN is tried at once, so that nobody chooses a new one in vain."""

    def _ask_first(self, info: TokenInfo) -> Ask:
        return login.ask_user(info, retry=self._retry)

    def _check_first(self, slot: int, info: TokenInfo, secret: bytes, accepted: Accept) -> None:
        try:
            with writable(self._module, slot, info.label) as session, login.logged_in(session, info, secret, accepted):
                pass
        except PinInvalid as error:
            if error.facts.get("reason") != "expired":  # that one was right, and is here to be changed
                raise
            accepted()

    def _apply(self, session: WritableSession, info: TokenInfo, first: bytes, new: bytes) -> None:
        try:
            session.login(first)  # OpenSC changes a PIN only for who is logged in
        except PinInvalid:
            session.set_pin(first, new)
            return
        try:
            session.set_pin(first, new)
        finally:
            session.logout()

    def _at_reader(self, slot: int, info: TokenInfo) -> None:
        try:
            with writable(self._module, slot, info.label) as session:
                session.set_pin(None, None)
        except PinIncorrect as error:
            raise self._wrong(slot) from error
        except PeroError as error:
            raise _refused(error, info) from error


class Unblocking(_TwoSecrets):
    """A new user PIN, by the security officer's or by the PUK."""

    _officer = True

    def __init__(self, module: pkcs11.Module, request: messages.Manage, task: tasks.Unblock) -> None:
        super().__init__(module, request)
        self._only_first = task.first
        self._puk = opensc.is_opensc(module.path)

    def _ask_first(self, info: TokenInfo) -> Ask:
        if self._only_first and info.flags & login.PIN_INITIALIZED:
            raise PinAlreadySet(token=info.label)
        return login.ask_officer(info, "puk" if self._puk else "so_pin", retry=self._retry)

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        try:
            return super().attempt(pin, accepted)
        except PinLocked as error:  # C_Login and C_SetPIN have one code for both
            raise SoPinLocked(token=self._request.token.label) from error

    def _wrong(self, slot: int) -> PeroError:
        self._retry = True
        return login.judged(self._module, slot, officer=True)

    def _check_first(self, slot: int, info: TokenInfo, secret: bytes, accepted: Accept) -> None:
        """A PUK is checked only by being used."""
        if self._puk:
            return
        with (
            writable(self._module, slot, info.label) as session,
            login.logged_in(session, info, secret, accepted, officer=True),
        ):
            pass

    def _apply(self, session: WritableSession, info: TokenInfo, first: bytes, new: bytes) -> None:
        if self._puk:
            session.set_pin(first, new)  # without a login: see `opensc`
            return
        session.login(first, officer=True)
        try:
            session.init_pin(new)
        finally:
            session.logout()

    def _at_reader(self, slot: int, info: TokenInfo) -> None:
        try:
            with writable(self._module, slot, info.label) as session:
                session.login(None, officer=True)
                try:
                    session.init_pin(None)
                finally:
                    session.logout()
        except PinIncorrect as error:
            raise self._wrong(slot) from error
        except PeroError as error:
            raise _refused(error, info) from error


def _refused(error: PeroError, info: TokenInfo) -> PeroError:
    """A length that only the token knows."""
    if error.facts.get("return_code") == "CKR_PIN_LEN_RANGE":
        minimum, maximum = login.limits(info)
        return PinLength(minimum=minimum, maximum=maximum)
    return error
