"""The backend of a PKCS#11 module: lists tokens and certificates, and begins what needs a PIN."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from agent.errors import PeroError, PinCancelled, TokenAbsent, TokenFailed, UnknownMethod
from agent.model import TokenState
from agent.tokens import gost_signing, login, matching, messages, pkcs11, tasks
from agent.tokens.backend import ManyOperation, PinOperation
from agent.tokens.containers import foreign_container
from agent.tokens.keys import certificates_of, keys_of
from agent.tokens.operations import begin, read_public
from agent.tokens.signing import Signing
from agent.tokens.signing_many import SigningMany


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
            return bool(self._module.token_info(slot).flags & login.TOKEN_INITIALIZED)
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
            if not info.flags & login.TOKEN_INITIALIZED:
                return None
            state = token_state(info, self._module.path, slot, self._module.reader(slot))
            with self._module.session(slot, info.label) as session:
                certificates, key_types = _certificates(session)
                container = foreign_container(session, self._module.path)
            state = msgspec.structs.replace(
                state, foreign_container=container, gost_unsupported=self._lacks_gost(slot, key_types)
            )
            return messages.TokenListing(state, certificates)
        except TokenAbsent:
            return None
        except PeroError as error:
            return messages.TokenListing(state, (), error.name, error.facts)

    def _lacks_gost(self, slot: int, key_types: set[str]) -> bool:
        """Whether the token cannot sign with a GOST key that a certificate on it is of. Asked of no other token."""
        ours = key_types & gost_signing.WITH_DIGEST.keys()
        if not ours:
            return False
        offered = self._module.mechanisms(slot)
        return any(not gost_signing.able(key_type, offered) for key_type in ours)

    def sign(self, request: messages.Sign) -> PinOperation:
        return Signing(self._module, request)

    def sign_many(self, request: messages.SignMany) -> ManyOperation:
        return SigningMany(self._module, request)

    def manage(self, request: messages.Manage) -> PinOperation:
        return begin(self._module, request)

    def manage_now(self, request: messages.Manage) -> messages.Done:
        if not isinstance(request.task, tasks.ReadObjects):
            raise PinCancelled
        self._module.renew()
        return read_public(self._module, request)

    def add_key_file(self, request: messages.AddKeyFile) -> PinOperation:
        raise UnknownMethod(method="add_key_file")

    def forget_key_file(self, thumbprint: str) -> None:
        raise UnknownMethod(method="forget_key_file")


def _certificates(session: pkcs11.Session) -> tuple[tuple[messages.FoundCertificate, ...], set[str]]:
    """Beside them the types of the keys of those that are no authority's."""
    certificates = certificates_of(session)
    kinds = sorted({key.key_type for _, key, _, _ in certificates})
    private = [key for kind in kinds for key in keys_of(session, pkcs11.PRIVATE_KEY, kind)]
    public = [key for kind in kinds for key in keys_of(session, pkcs11.PUBLIC_KEY, kind)]
    found = tuple(
        messages.FoundCertificate(der, False if authority else matching.has_key(key, identifier, private, public))
        for der, key, identifier, authority in certificates
    )
    return found, {key.key_type for _, key, _, authority in certificates if not authority}


def token_state(info: pkcs11.TokenInfo, module: str, slot: int, reader: str) -> TokenState:
    return TokenState(
        label=info.label,
        serial=info.serial,
        manufacturer=info.manufacturer,
        model=info.model,
        module=module,
        slot=slot,
        reader=reader,
        pin_count_low=bool(info.flags & login.PIN_COUNT_LOW),
        pin_final_try=bool(info.flags & login.PIN_FINAL_TRY),
        pin_locked=bool(info.flags & login.PIN_LOCKED),
        pin_to_be_changed=bool(info.flags & login.PIN_TO_BE_CHANGED),
        pin_initialized=bool(info.flags & login.PIN_INITIALIZED),
        protected_path=bool(info.flags & login.PROTECTED_PATH),
        so_pin_final_try=bool(info.flags & login.SO_FINAL_TRY),
        so_pin_locked=bool(info.flags & login.SO_LOCKED),
    )
