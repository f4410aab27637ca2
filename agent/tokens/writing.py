"""Sessions that change a token: PINs, objects, keys. What is made in one is taken back where a later step fails."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import PyKCS11
from PyKCS11 import LowLevel

from agent.errors import (
    MechanismUnsupported,
    ObjectProtected,
    OperationUnsupported,
    OutcomeUnknown,
    PeroError,
    PinInvalid,
    SoLoginRequired,
    TokenFull,
    TokenReadOnly,
)
from agent.tokens import pkcs11, return_codes

Value = bytes | bool | int
Template = Sequence[tuple[int, Value]]

_ULONG = "@L"  # CK_ULONG of this machine


class WritableSession(pkcs11.Session):
    """A read-write session. Errors of ``return_codes``, and of those below what fits the call. Made by `writable`."""

    def __init__(self, module: pkcs11.Module, opened: Any, token: str) -> None:
        super().__init__(module, opened, token)
        self._created: list[Any] = []
        self._unsure: list[tuple[int, bytes, Value]] = []  # class, CKA_ID and CKA_VALUE of what no handle came for

    def error(self, code: int, operation: str) -> PeroError:
        """The same codes mean more in calls that write."""
        name, token = return_codes.name(code), self._token
        if operation in ("C_SetPIN", "C_InitPIN") and name in ("CKR_PIN_INVALID", "CKR_PIN_TOO_WEAK"):
            return PinInvalid(token=token, reason="weak" if name == "CKR_PIN_TOO_WEAK" else "refused")
        if operation == "C_GenerateKeyPair" and name in _NO_SUCH_KEY:
            return MechanismUnsupported(algorithm="", token=token)
        if name in ("CKR_SESSION_READ_ONLY", "CKR_TOKEN_WRITE_PROTECTED"):
            return TokenReadOnly(token=token)
        if name == "CKR_DEVICE_MEMORY":
            return TokenFull(token=token)
        if name in ("CKR_ACTION_PROHIBITED", "CKR_ATTRIBUTE_READ_ONLY"):
            return ObjectProtected(token=token, operation=operation)
        if name in ("CKR_USER_NOT_LOGGED_IN", "CKR_USER_TYPE_INVALID") and operation != "C_Login":
            return SoLoginRequired(token=token, operation=operation)
        if name == "CKR_FUNCTION_NOT_SUPPORTED":
            return OperationUnsupported(token=token, operation=operation)
        return super().error(code, operation)

    # PINs

    def set_pin(self, old: bytes | None, new: bytes | None) -> None:
        """C_SetPIN of whoever is logged in, else of the user. None, None: both are typed at the reader."""
        with _wiped(old) as given, _wiped(new) as wanted:
            self._check("C_SetPIN", self._low.C_SetPIN(self._session.session, given, wanted))

    def init_pin(self, new: bytes | None) -> None:
        """C_InitPIN, for a security officer who is logged in."""
        with _wiped(new) as wanted:
            self._check("C_InitPIN", self._low.C_InitPIN(self._session.session, wanted))

    # objects

    def create(self, template: Template) -> Any:
        """C_CreateObject; the handle."""
        handle = LowLevel.CK_OBJECT_HANDLE()
        self._unsure.append(_traces(template))
        self._check("C_CreateObject", self._low.C_CreateObject(self._session.session, _attributes(template), handle))
        self._unsure.pop()
        self._created.append(handle)
        return handle

    def generate(self, mechanism: int, public: Template, private: Template) -> tuple[Any, Any]:
        """C_GenerateKeyPair; the handles of the public and the private key."""
        handles = LowLevel.CK_OBJECT_HANDLE(), LowLevel.CK_OBJECT_HANDLE()
        unsure = (_traces(public), _traces(private))
        self._unsure += unsure
        code = self._low.C_GenerateKeyPair(
            self._session.session, PyKCS11.Mechanism(mechanism, None).to_native(), _attributes(public),
            _attributes(private), *handles,
        )  # fmt: skip
        self._check("C_GenerateKeyPair", code)
        del self._unsure[-len(unsure) :]
        self._created += handles
        return handles

    def change(self, handle: Any, template: Template) -> None:
        """C_SetAttributeValue."""
        code = self._low.C_SetAttributeValue(self._session.session, pkcs11.native(handle), _attributes(template))
        self._check("C_SetAttributeValue", code)

    def destroy(self, handle: Any) -> None:
        """C_DestroyObject."""
        self._check("C_DestroyObject", self._low.C_DestroyObject(self._session.session, pkcs11.native(handle)))

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """What the block made on the token is destroyed where it fails, the last first; also what was made although
        the module said that it failed. The block makes nothing that is there already."""
        self._created.clear()
        self._unsure.clear()
        try:
            yield
        except PeroError as error:
            if not self._taken_back():
                raise OutcomeUnknown(token=self._token, reason=error.name) from error
            raise
        except BaseException:
            self._taken_back()
            raise
        finally:
            self._created.clear()
            self._unsure.clear()

    def _taken_back(self) -> bool:
        """Whether nothing is left."""
        whole = True
        try:
            made = self._made_in_secret()
        except PeroError:
            made, whole = [], False
        for handle in [*made, *reversed(self._created)]:
            try:
                self.destroy(handle)
            except PeroError:
                whole = False
        return whole

    def _made_in_secret(self) -> list[Any]:
        """Handles of what is there although the call that made it ended with an error."""
        found: list[Any] = []
        for object_class, identifier, value in self._unsure:
            rows = self.find(object_class, (PyKCS11.CKA_VALUE,) if value else (), (PyKCS11.CKA_ID, identifier))
            found += [handle for handle, read in rows if not value or read == [value]]
        return found


_NO_SUCH_KEY = frozenset({
    "CKR_KEY_SIZE_RANGE", "CKR_DOMAIN_PARAMS_INVALID", "CKR_CURVE_NOT_SUPPORTED", "CKR_MECHANISM_PARAM_INVALID",
    "CKR_ATTRIBUTE_VALUE_INVALID",
})  # fmt: skip


@contextmanager
def writable(module: pkcs11.Module, slot: int, token: str, *, only_read: bool = False) -> Iterator[WritableSession]:
    """A read-write session, closed at the end whatever happened. `token`: label, for errors."""
    try:
        with module.opened(slot, token, 0 if only_read else PyKCS11.CKF_RW_SESSION) as opened:
            yield WritableSession(module, opened, token)
    except PeroError as error:
        if error.facts.get("operation") == "C_OpenSession" and error.facts.get("return_code") in _READ_ONLY:
            raise TokenReadOnly(token=token) from error
        raise


_READ_ONLY = ("CKR_TOKEN_WRITE_PROTECTED", "CKR_SESSION_READ_ONLY")


@contextmanager
def _wiped(pin: bytes | None) -> Iterator[Any]:
    """A PIN as the binding takes it: an empty list is a null pointer."""
    buffer = PyKCS11.ckbytelist(pin)
    try:
        yield buffer
    finally:
        for index in range(len(buffer)):
            buffer[index] = 0


def _attributes(template: Template) -> Any:
    """All as octets, which is what they are in memory: the binding guesses kinds by the type's number."""
    attributes = LowLevel.ckattrlist(len(template))
    for index, (kind, value) in enumerate(template):
        attributes[index].SetBin(kind, PyKCS11.ckbytelist(_octets(value)))
    return attributes


def _traces(template: Template) -> tuple[int, bytes, Value]:
    """How an object of this template is found: class, CKA_ID, and of a certificate its CKA_VALUE."""
    given = dict(template)
    object_class, identifier = int(given[PyKCS11.CKA_CLASS]), _octets(given[PyKCS11.CKA_ID])
    return object_class, identifier, given[PyKCS11.CKA_VALUE] if object_class == PyKCS11.CKO_CERTIFICATE else b""


def _octets(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    return struct.pack(_ULONG, value) if isinstance(value, int) else value
