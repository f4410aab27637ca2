"""Many signatures by a PKCS#11 token in one login. The PIN is kept where the key wants it each time, and then wiped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from agent.errors import MechanismUnsupported, PinCancelled, PinIncorrect
from agent.ipc.pin import Pin
from agent.tokens import key_signing, login, messages, pkcs11, public_key
from agent.tokens.backend import Accept
from agent.tokens.keys import identifier_of, private_key_of
from agent.tokens.matching import TokenKey
from agent.tokens.signing import Signing

_SOME = b"\0"  # octets that there will be


class SigningMany(Signing):
    """Asks as one signature does. Never logs in a second time: a wrong PIN in the middle is the end."""

    def __init__(self, module: pkcs11.Module, request: messages.SignMany) -> None:
        one = messages.Sign(
            request.id, request.source, request.token, request.certificate, request.thumbprint, request.algorithm, b"",
            _SOME if request.with_octets else b"", request.digest_order,
        )  # fmt: skip
        super().__init__(module, one)
        self._order = request.digest_order
        self._held = ExitStack()
        self._session: pkcs11.Session | None = None
        self._private: TokenKey | None = None
        self._pin: Pin | None = None  # None: typed at the reader, or not wanted again

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        slot, info = login.find_token(self._module, self._request.token)
        secret = login.secret_of(pin, info)
        login.check_last_try(pin.for_last_try, info)
        try:
            with ExitStack() as stack:
                session = stack.enter_context(self._module.session(slot, info.label))
                stack.enter_context(login.logged_in(session, info, secret, accepted))
                self._private = private_key_of(session, self._key, identifier_of(session, self._request.certificate))
                if self._private is None:
                    raise self._absent(session, info)
                if self._private.always_authenticate and secret is not None:
                    self._pin = Pin(bytearray(secret))
                self._session, self._held = session, stack.pop_all()
        except PinIncorrect as error:
            self._retry = True
            raise login.judged(self._module, slot) from error
        return None

    def sign(self, digests: tuple[bytes, ...], octets: tuple[bytes, ...]) -> Iterator[tuple[bytes, str]]:
        way, request, token = self._way, self._request, self._request.token.label
        if self._session is None or self._private is None or way is None:  # nobody signs before the login
            raise PinCancelled
        for index, digest in enumerate(digests):
            job = key_signing.Job(
                self._algorithm, way, digest, octets[index] if octets else b"", self._order, self._key.field_size,
                lambda: public_key.info_of(request.certificate),
            )  # fmt: skip
            secret = self._pin.reveal() if self._pin is not None else None
            try:
                signature, order = key_signing.sign(self._session, self._private, job, secret, self._module.path)
            except MechanismUnsupported as error:
                raise MechanismUnsupported(algorithm=self._algorithm.name, token=token) from error
            self._order = order or self._order
            yield signature, order

    def close(self) -> None:
        if self._pin is not None:
            self._pin.wipe()
            self._pin = None
        self._session = None
        self._held.close()
