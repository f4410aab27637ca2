"""The backend of a PKCS#11 module: lists tokens and certificates, signs with a login for each signature."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from agent.algorithms import SignatureAlgorithm, algorithm_named
from agent.errors import (
    KeyAbsent,
    KeyForeign,
    MechanismUnsupported,
    PeroError,
    PinIncorrect,
    PinLength,
    PinLocked,
    PinNotSet,
    TokenAbsent,
    TokenFailed,
    UnknownMethod,
)
from agent.ipc.pin import Ask, Pin
from agent.model import TokenState
from agent.tokens import matching, mechanisms, messages, pkcs11, public_key
from agent.tokens.backend import PinOperation
from agent.tokens.containers import container_on, foreign_container
from agent.tokens.matching import TokenKey
from agent.tokens.public_key import PublicKey

# CK_TOKEN_INFO flags, PKCS#11 v2.40 section 3.2
LOGIN_REQUIRED, PIN_INITIALIZED, PROTECTED_PATH, TOKEN_INITIALIZED = 0x4, 0x8, 0x100, 0x400
PIN_COUNT_LOW, PIN_FINAL_TRY, PIN_LOCKED, PIN_TO_BE_CHANGED = 0x10000, 0x20000, 0x40000, 0x80000

# Where a public key shows its value. Of private keys only RSA's show it; CKA_VALUE of those would be the secret itself.
_VALUES = {"rsa": pkcs11.MODULUS, "ec": pkcs11.EC_POINT, "gost256": pkcs11.VALUE, "gost512": pkcs11.VALUE}
_X509 = 0  # CKC_X_509
_AUTHORITY = 2  # CK_CERTIFICATE_CATEGORY_AUTHORITY
_PIN_SANE = 4096  # bytes; above it a module's ulMaxPinLen says nothing


class ModuleBackend:
    """`sha256` is what policy wants of the module's file; empty where it wants nothing."""

    def __init__(self, path: str, sha256: str = "") -> None:
        self._module = pkcs11.Module(path, sha256)
        self._filled: set[int] = set()

    def load(self) -> messages.Facts:
        return self._module.load()

    def close(self) -> None:
        self._module.close()

    def slots(self) -> tuple[int, ...]:
        """A slot that had a token at the last look is taken to have it still."""
        self._module.renew()
        self._filled = {slot for slot in self._module.slots() if slot in self._filled or self._is_initialized(slot)}
        return tuple(sorted(self._filled))

    def _is_initialized(self, slot: int) -> bool:
        with suppress(TokenAbsent, TokenFailed):
            return bool(self._module.token_info(slot).flags & TOKEN_INITIALIZED)
        return False

    def listing(self) -> tuple[messages.TokenListing, ...]:
        self._module.renew()
        found = [self._slot(slot) for slot in self._module.slots()]
        return tuple(listing for listing in found if listing)

    def _slot(self, slot: int) -> messages.TokenListing | None:
        """None where there is no token (any more), or one that was never initialised. A faulty one hides no other."""
        state = None
        try:
            info = self._module.token_info(slot)
            if not info.flags & TOKEN_INITIALIZED:
                return None
            state = token_state(info, self._module.path, slot, self._module.reader(slot))
            with self._module.session(slot, info.label) as session:
                certificates = _certificates(session)
                container = foreign_container(session, self._module.path)
            return messages.TokenListing(msgspec.structs.replace(state, foreign_container=container), certificates)
        except TokenAbsent:
            return None
        except PeroError as error:
            return messages.TokenListing(state, (), error.name, error.facts)

    def sign(self, request: messages.Sign) -> PinOperation:
        return _Signing(self._module, request)

    def add_key_file(self, request: messages.AddKeyFile) -> PinOperation:
        raise UnknownMethod(method="add_key_file")

    def forget_key_file(self, thumbprint: str) -> None:
        raise UnknownMethod(method="forget_key_file")


def _certificates(session: pkcs11.Session) -> tuple[messages.FoundCertificate, ...]:
    certificates = certificates_of(session)
    kinds = sorted({key.key_type for _, key, _, _ in certificates})
    private = [key for kind in kinds for key in keys_of(session, pkcs11.PRIVATE_KEY, kind)]
    public = [key for kind in kinds for key in keys_of(session, pkcs11.PUBLIC_KEY, kind)]
    return tuple(
        messages.FoundCertificate(der, False if authority else matching.has_key(key, identifier, private, public))
        for der, key, identifier, authority in certificates
    )


class _Signing:
    """One signature: the token is looked for again at each step, since it may have been moved to another reader."""

    def __init__(self, module: pkcs11.Module, request: messages.Sign) -> None:
        self._module = module
        self._request = request
        self._algorithm: SignatureAlgorithm = algorithm_named(request.algorithm)
        self._key: PublicKey = public_key.public_key(request.certificate)
        self._retry = False

    def ask(self) -> Ask:
        slot, info = self._token()
        if self._request.token.foreign_container:  # as the listing said; a PIN would be asked for in vain
            raise KeyForeign(token=info.label, container=self._request.token.foreign_container)
        flags = info.flags
        if flags & PIN_LOCKED:
            raise PinLocked(token=info.label)
        if flags & LOGIN_REQUIRED and not flags & PIN_INITIALIZED:
            raise PinNotSet(token=info.label)
        offered = self._module.mechanisms(slot)
        if offered and mechanisms.CKM[self._algorithm.mechanism] not in offered:
            raise MechanismUnsupported(algorithm=self._algorithm.name, token=info.label)
        return Ask(
            retry=self._retry,
            count_low=bool(flags & PIN_COUNT_LOW),
            final_try=bool(flags & PIN_FINAL_TRY),
            protected_path=bool(flags & PROTECTED_PATH),
        )

    def attempt(self, pin: Pin, accepted: Callable[[], None]) -> messages.Done:
        slot, info = self._token()
        if not info.flags & PROTECTED_PATH:
            _check_length(pin, info)
        try:
            return messages.Done(self._request.id, signature=self._sign(slot, info, pin, accepted))
        except PinIncorrect as error:
            self._retry = True
            raise self._incorrect(slot) from error
        except MechanismUnsupported as error:
            raise MechanismUnsupported(algorithm=self._algorithm.name, token=info.label) from error

    def _sign(self, slot: int, info: pkcs11.TokenInfo, pin: Pin, accepted: Callable[[], None]) -> bytes:
        secret = None if info.flags & PROTECTED_PATH else pin.reveal()
        with self._module.session(slot, info.label) as session:
            try:
                session.login(secret)
            except TokenFailed as error:
                raise _length_error(error, info) from error
            accepted()
            try:
                return self._sign_logged_in(session, info, secret)
            finally:
                session.logout()

    def _sign_logged_in(self, session: pkcs11.Session, info: pkcs11.TokenInfo, secret: bytes | None) -> bytes:
        key = self._private_key(session)
        if key is None:
            container = container_on(session, self._module.path)
            if container:  # beside keys of others
                raise KeyForeign(token=info.label, container=container)
            raise KeyAbsent(thumbprint=self._request.thumbprint, token=info.label)
        data = mechanisms.mechanism_input(self._algorithm, self._request.digest, self._key.field_size)
        mechanism = mechanisms.CKM[self._algorithm.mechanism]
        pss = mechanisms.pss_parameters(self._algorithm)
        signed = session.sign(key.handle, mechanism, data, secret, again=key.always_authenticate, pss=pss)
        try:
            return mechanisms.signature_value(self._algorithm, signed)
        except ValueError as error:
            raise TokenFailed(operation="C_Sign", return_code=str(error), module=self._module.path) from error

    def _private_key(self, session: pkcs11.Session) -> TokenKey | None:
        identifier = identifier_of(session, self._request.certificate)
        private = keys_of(session, pkcs11.PRIVATE_KEY, self._key.key_type)
        public = []
        if not all(key.value for key in private):
            public = keys_of(session, pkcs11.PUBLIC_KEY, self._key.key_type)
        return matching.find(self._key, identifier, private, public)

    def _token(self) -> tuple[int, pkcs11.TokenInfo]:
        wanted = self._request.token
        for slot in sorted(self._module.slots(), key=lambda number: number != wanted.slot):
            with suppress(TokenAbsent, TokenFailed):  # some modules have no better word for a token that was pulled out
                info = self._module.token_info(slot)
                if (info.label, info.serial, info.model) == (wanted.label, wanted.serial, wanted.model):
                    return slot, info
        raise TokenAbsent(token=wanted.label, module=self._module.path)

    def _incorrect(self, slot: int) -> PeroError:
        """What the token says of its tries now; it may have locked itself with this one."""
        info = self._module.token_info(slot)
        if info.flags & PIN_LOCKED:
            return PinLocked(token=info.label)
        low, final = bool(info.flags & PIN_COUNT_LOW), bool(info.flags & PIN_FINAL_TRY)
        return PinIncorrect(tries_left=1 if final else None, count_low=low, final_try=final)


def token_state(info: pkcs11.TokenInfo, module: str, slot: int, reader: str) -> TokenState:
    return TokenState(
        label=info.label,
        serial=info.serial,
        manufacturer=info.manufacturer,
        model=info.model,
        module=module,
        slot=slot,
        reader=reader,
        pin_count_low=bool(info.flags & PIN_COUNT_LOW),
        pin_final_try=bool(info.flags & PIN_FINAL_TRY),
        pin_locked=bool(info.flags & PIN_LOCKED),
        pin_to_be_changed=bool(info.flags & PIN_TO_BE_CHANGED),
        pin_initialized=bool(info.flags & PIN_INITIALIZED),
        protected_path=bool(info.flags & PROTECTED_PATH),
    )


def certificates_of(session: pkcs11.Session) -> list[tuple[bytes, PublicKey, bytes, bool]]:
    """DER, public key, CKA_ID, and whether the token calls it an authority's. What is no X.509 is left out."""
    wanted = (pkcs11.VALUE, pkcs11.ID, pkcs11.CERTIFICATE_TYPE, pkcs11.CERTIFICATE_CATEGORY)
    found = []
    for _, (der, identifier, kind, category) in session.find(pkcs11.CERTIFICATE, wanted):
        if not isinstance(der, bytes) or kind not in (_X509, None):
            continue
        try:
            key = public_key.public_key(der)
        except (ValueError, IndexError):
            continue
        found.append((der, key, _bytes(identifier), category == _AUTHORITY))
    return found


def identifier_of(session: pkcs11.Session, certificate: bytes) -> bytes:
    """CKA_ID of a certificate; empty where it has none. Reading the values of all is slow: the token compares."""
    for _, (identifier,) in session.find(pkcs11.CERTIFICATE, (pkcs11.ID,), (pkcs11.VALUE, certificate)):
        return _bytes(identifier)
    every = certificates_of(session)  # for modules that compare values wrongly
    return next((identifier for der, _, identifier, _ in every if der == certificate), b"")


def keys_of(session: pkcs11.Session, object_class: int, key_type: str) -> list[TokenKey]:
    """The keys of one type. Asking only for what such a key has spares a call for each attribute that it has not."""
    if key_type not in matching.CKK:
        return []
    private, kind = object_class == pkcs11.PRIVATE_KEY, matching.CKK[key_type]
    value = _VALUES[key_type] if key_type == "rsa" or not private else None
    wanted = [pkcs11.ID, *([value] if value is not None else []), *([pkcs11.ALWAYS_AUTHENTICATE] if private else [])]
    return [
        _key(handle, key_type, dict(zip(wanted, values, strict=True)))
        for handle, values in session.find(object_class, wanted, (pkcs11.KEY_TYPE, kind))
    ]


def _key(handle: Any, key_type: str, read: dict[int, pkcs11.Attribute]) -> TokenKey:
    value = public_key.shown_value(key_type, _bytes(read.get(_VALUES[key_type])))
    again, kind = bool(read.get(pkcs11.ALWAYS_AUTHENTICATE)), matching.CKK[key_type]
    return TokenKey(handle, _bytes(read[pkcs11.ID]), kind, value, again)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _check_length(pin: Pin, info: pkcs11.TokenInfo) -> None:
    """Before C_Login, so that no try is spent."""
    minimum = max(1, info.minimum_pin)
    maximum = info.maximum_pin if 0 < info.maximum_pin <= _PIN_SANE else _PIN_SANE
    if not minimum <= len(pin) <= maximum:
        raise PinLength(minimum=minimum, maximum=maximum)


def _length_error(error: TokenFailed, info: pkcs11.TokenInfo) -> PeroError:
    if error.facts.get("return_code") == "CKR_PIN_LEN_RANGE":
        return PinLength(minimum=info.minimum_pin, maximum=info.maximum_pin)
    return error
