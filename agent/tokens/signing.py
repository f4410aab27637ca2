"""One signature by a PKCS#11 token, with a login of its own."""

from __future__ import annotations

from agent.algorithms import SignatureAlgorithm, algorithm_named
from agent.errors import KeyAbsent, KeyForeign, MechanismUnsupported, PinIncorrect
from agent.ipc.pin import Ask, Pin
from agent.tokens import gost_signing, key_signing, login, messages, pkcs11, public_key
from agent.tokens.backend import Accept
from agent.tokens.containers import container_on
from agent.tokens.gost_signing import Way
from agent.tokens.keys import identifier_of, private_key_of
from agent.tokens.public_key import PublicKey


class Signing:
    """The token is looked for again at each step, since it may have been moved to another reader."""

    def __init__(self, module: pkcs11.Module, request: messages.Sign) -> None:
        self._module = module
        self._request = request
        self._algorithm: SignatureAlgorithm = algorithm_named(request.algorithm)
        self._key: PublicKey = public_key.public_key(request.certificate)
        self._way: Way | None = None
        self._retry = False

    def ask(self) -> Ask:
        slot, info = login.find_token(self._module, self._request.token)
        if self._request.token.foreign_container:  # as the listing said; a PIN would be asked for in vain
            raise KeyForeign(token=info.label, container=self._request.token.foreign_container)
        ask = login.ask_user(info, retry=self._retry)
        self._way = gost_signing.way(self._algorithm, self._module.mechanisms(slot), self._request.octets)
        if self._way is None:
            raise MechanismUnsupported(algorithm=self._algorithm.name, token=info.label)
        return ask

    def attempt(self, pin: Pin, accepted: Accept) -> messages.Done | None:
        slot, info = login.find_token(self._module, self._request.token)
        secret = login.secret_of(pin, info)
        login.check_last_try(pin.for_last_try, info)
        try:
            with (
                self._module.session(slot, info.label) as session,
                login.logged_in(session, info, secret, accepted),
            ):
                signature, order = self._sign(session, info, secret)
        except PinIncorrect as error:
            self._retry = True
            raise login.judged(self._module, slot) from error
        except MechanismUnsupported as error:
            raise MechanismUnsupported(algorithm=self._algorithm.name, token=info.label) from error
        return messages.Done(self._request.id, signature=signature, digest_order=order)

    def close(self) -> None:
        pass

    def _sign(self, session: pkcs11.Session, info: pkcs11.TokenInfo, secret: bytes | None) -> tuple[bytes, str]:
        request, way = self._request, self._way
        key = private_key_of(session, self._key, identifier_of(session, request.certificate))
        if key is None:
            raise self._absent(session, info)
        if way is None:  # nobody attempts before asking
            raise MechanismUnsupported(algorithm=self._algorithm.name, token=info.label)
        job = key_signing.Job(
            self._algorithm, way, request.digest, request.octets, request.digest_order, self._key.field_size,
            lambda: public_key.info_of(request.certificate),
        )  # fmt: skip
        return key_signing.sign(session, key, job, secret, self._module.path)

    def _absent(self, session: pkcs11.Session, info: pkcs11.TokenInfo) -> KeyForeign | KeyAbsent:
        container = container_on(session, self._module.path)
        if container:  # beside keys of others
            return KeyForeign(token=info.label, container=container)
        return KeyAbsent(thumbprint=self._request.thumbprint, token=info.label)
