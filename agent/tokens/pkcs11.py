"""A thin, typed layer over PyKCS11: one module, its slots and sessions. The binding's untyped values end here.

PyKCS11 holds the interpreter's lock in every call, so this runs in a worker process and nowhere else. The binding does
not wipe PINs, fails in `sign` at keys that want a login for each signature, leaves operations active after errors, and
is slow: hence the low-level calls below, those of ``cryptoki`` where every signature makes them, and sessions that are
closed after every use.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import PyKCS11
from PyKCS11 import LowLevel

from agent.errors import ModuleUnloadable, PeroError, PinIncorrect
from agent.tokens import binaries, cryptoki, opensc, return_codes
from agent.tokens.cryptoki import Cryptoki
from agent.tokens.mechanisms import PssParameters
from agent.tokens.messages import Facts

_SLOT_ATTEMPTS = 3  # a reader that is plugged in between the two calls of C_GetSlotList makes it fail
_UNAVAILABLE = 0xFFFFFFFF
_REASON_LIMIT = 300  # characters of what the system's loader says

# Manufacturers (C_GetInfo) of modules that see new tokens only after C_Initialize: SoftHSM reads its folder there.
_RENEWED = ("SoftHSM",)

DATA, APPLICATION = PyKCS11.CKO_DATA, PyKCS11.CKA_APPLICATION
CERTIFICATE, PUBLIC_KEY, PRIVATE_KEY = PyKCS11.CKO_CERTIFICATE, PyKCS11.CKO_PUBLIC_KEY, PyKCS11.CKO_PRIVATE_KEY
ID, VALUE, KEY_TYPE = PyKCS11.CKA_ID, PyKCS11.CKA_VALUE, PyKCS11.CKA_KEY_TYPE
MODULUS, EC_POINT = PyKCS11.CKA_MODULUS, PyKCS11.CKA_EC_POINT
ALWAYS_AUTHENTICATE, SIGN = PyKCS11.CKA_ALWAYS_AUTHENTICATE, PyKCS11.CKA_SIGN
CERTIFICATE_TYPE, CERTIFICATE_CATEGORY = PyKCS11.CKA_CERTIFICATE_TYPE, PyKCS11.CKA_CERTIFICATE_CATEGORY

# Attributes that are octets, numbers and yes or no: with others the binding reads an object.
_OCTETS = frozenset({ID, VALUE, MODULUS, EC_POINT, CERTIFICATE_CATEGORY})
_NUMBERS = frozenset({KEY_TYPE, CERTIFICATE_TYPE})
_BOOLEANS = frozenset({ALWAYS_AUTHENTICATE, SIGN})
_QUICK = _OCTETS | _NUMBERS | _BOOLEANS

Attribute = bytes | int | bool | str | None


class TokenInfo(NamedTuple):
    """CK_TOKEN_INFO, as far as we need it; lengths of PINs in bytes."""

    label: str
    serial: str
    manufacturer: str
    model: str
    flags: int
    minimum_pin: int
    maximum_pin: int
    free_memory: int | None = None  # bytes for public objects; None where it is not told


class Module:
    """One PKCS#11 module. Every call raises the errors of ``return_codes``. `sha256`: what its file must have."""

    def __init__(self, path: str, sha256: str = "") -> None:
        self.path = path
        self._sha256 = sha256
        self._renewed = False  # a row of _RENEWED
        self._stale = False  # it was looked at since C_Initialize
        self._open = 0  # sessions
        self._library: Any = PyKCS11.PyKCS11Lib()
        self.calls: Cryptoki  # from `load` on

    def load(self) -> Facts:
        """C_Initialize; what C_GetInfo tells. Raises ModuleUnloadable, ModuleForbidden."""
        binaries.check(self.path, self._sha256)
        try:
            with opensc.prepared(self.path):
                self._library.load(self.path)
        except PyKCS11.PyKCS11Error as error:
            self._library.pkcs11dll_filename = None
            raise ModuleUnloadable(module=self.path, reason=self._why(error)) from error
        try:
            self.calls = Cryptoki(self.path)
        except (OSError, AttributeError, ValueError) as error:
            raise ModuleUnloadable(module=self.path, reason=str(error)[:_REASON_LIMIT]) from error
        with self.calling("C_GetInfo"):
            info = self._library.getInfo()
        manufacturer = _text(info.manufacturerID)
        self._renewed = manufacturer.startswith(_RENEWED)
        return {
            "manufacturer": manufacturer,
            "description": _text(info.libraryDescription),
            "library_version": "{}.{}".format(*info.libraryVersion),
            "cryptoki_version": "{}.{}".format(*info.cryptokiVersion),
        }

    def _why(self, error: Any) -> str:
        if error.value >= 0:
            return return_codes.name(error.value)
        try:  # the binding keeps what the loader said to itself
            getattr(ctypes.CDLL(self.path), "C_GetFunctionList")  # noqa: B009 - for its error
        except (OSError, AttributeError) as reason:
            return str(reason)[:_REASON_LIMIT]
        return return_codes.name(error.value)

    def renew(self) -> None:
        """Let a module that does not look again by itself do so; not while a session is open, which would end."""
        if self._open:
            return
        if self._stale:
            self._library.lib.C_Finalize()
            code = self._library.lib.C_Initialize()
            if code != PyKCS11.CKR_OK:
                raise self.error(code, "C_Initialize", "")
        self._stale = self._renewed

    def reader(self, slot: int) -> str:
        """slotDescription; empty where the module does not tell."""
        with suppress(PyKCS11.PyKCS11Error):
            return _text(self._library.getSlotInfo(slot).slotDescription)
        return ""

    def slots(self) -> list[int]:
        """The slots with a token in them."""
        for _ in range(_SLOT_ATTEMPTS):
            code, found = self.calls.slots()
            if code == PyKCS11.CKR_OK:
                return found
        raise self.error(code, "C_GetSlotList", "")

    def token_info(self, slot: int) -> TokenInfo:
        code, info = self.calls.token_info(slot)
        if info is None:
            raise self.error(code, "C_GetTokenInfo", "")
        return TokenInfo(*info[:-1], free_memory=_memory(info.free_memory))

    def mechanisms(self, slot: int) -> frozenset[int]:
        """CKM numbers; empty where the module does not tell."""
        found = LowLevel.ckulonglist()
        if self._library.lib.C_GetMechanismList(slot, found) != PyKCS11.CKR_OK:
            return frozenset()
        return frozenset(found)

    @contextmanager
    def session(self, slot: int, token: str) -> Iterator[Session]:
        """A read-only session, closed at the end whatever happened. `token`: label, for errors."""
        with self.opened(slot, token, 0) as opened:
            yield Session(self, opened, token)

    @contextmanager
    def opened(self, slot: int, token: str, flags: int) -> Iterator[Any]:
        """The binding's own session. `flags`: CKF_RW_SESSION or none."""
        with self.calling("C_OpenSession", token):
            opened = self._library.openSession(slot, flags)
        self._open += 1
        try:
            yield opened
        finally:
            self._open -= 1
            with suppress(PyKCS11.PyKCS11Error):
                opened.closeSession()

    @contextmanager
    def calling(self, operation: str, token: str = "") -> Iterator[None]:
        """Translate the binding's errors. `operation`: name of the PKCS#11 call."""
        try:
            yield
        except PyKCS11.PyKCS11Error as error:
            raise self.error(error.value, operation, token) from error

    def error(self, code: int, operation: str, token: str) -> PeroError:
        return return_codes.from_return_code(code, operation=operation, module=self.path, token=token)

    def close(self) -> None:
        """C_Finalize."""
        with suppress(PyKCS11.PyKCS11Error):
            self._library.unload()


class Session:
    """An open session. Made by `Module.session`."""

    def __init__(self, module: Module, opened: Any, token: str) -> None:
        self._module = module
        self._session = opened
        self._low: Any = opened.lib
        self._number = int(opened.session.value())
        self._token = token

    def find(
        self, object_class: int, attributes: Sequence[int], *template: tuple[int, int | bytes]
    ) -> list[tuple[Any, list[Attribute]]]:
        """Handle and attributes of every object of a class that fits the template and can be seen now; None for
        attributes that it does not show."""
        code, handles = self._module.calls.find(self._number, ((PyKCS11.CKA_CLASS, object_class), *template))
        if code != PyKCS11.CKR_OK:
            raise self.error(code, "C_FindObjects")
        return [(handle, self.read(handle, attributes)) for handle in handles]

    def read(self, handle: Any, attributes: Sequence[int]) -> list[Attribute]:
        """Attributes of an object by its handle; what comes at once in one call, the rest by the binding."""
        if not attributes:
            return []
        if isinstance(handle, int) and _QUICK.issuperset(attributes):
            values = self._module.calls.read(self._number, handle, attributes)
            if values is not None:
                return [_quick(kind, value) for kind, value in zip(attributes, values, strict=True)]
        return self._read_slowly(native(handle), attributes)

    def _read_slowly(self, handle: Any, attributes: Sequence[int]) -> list[Attribute]:
        """Sizes, then values; the binding's own way takes five looks at each attribute, 10 microseconds each."""
        template = LowLevel.ckattrlist(len(attributes))
        views = [template[index] for index in range(len(attributes))]
        for view, attribute in zip(views, attributes, strict=True):
            view.SetType(attribute)
        for _ in ("sizes", "values"):
            if self._low.C_GetAttributeValue(self._session.session, handle, template) != PyKCS11.CKR_OK:
                return self._read_odd(handle, attributes)
        return [_attribute(view) for view in views]

    def _read_odd(self, handle: Any, attributes: Sequence[int]) -> list[Attribute]:
        with suppress(PyKCS11.PyKCS11Error):
            return [_value(value) for value in self._session.getAttributeValue(handle, attributes)]
        return [self._read_one(handle, attribute) for attribute in attributes]

    def _read_one(self, handle: Any, attribute: int) -> Attribute:
        """One odd attribute must not hide the object."""
        with suppress(PyKCS11.PyKCS11Error):
            return _value(self._session.getAttributeValue(handle, [attribute])[0])
        return None

    def login(self, pin: bytes | None, *, context_specific: bool = False, officer: bool = False) -> None:
        """C_Login as the user, or as the security officer. None: the PIN is typed at the reader.

        Raises PinIncorrect, PinLocked, ...
        """
        user = PyKCS11.CKU_SO if officer else PyKCS11.CKU_USER
        if context_specific:
            user = PyKCS11.CKU_CONTEXT_SPECIFIC
        code = self._login(user, pin)
        if code == return_codes.ALREADY_LOGGED_IN and not context_specific:
            # Left over from a logout that failed. Only a login of its own shows that this PIN is right.
            self.logout()
            code = self._login(user, pin)
        if code != PyKCS11.CKR_OK:
            raise self._module.error(code, "C_Login", self._token)

    def _login(self, user: int, pin: bytes | None) -> int:
        buffer = PyKCS11.ckbytelist(pin)
        try:
            return return_codes.normal(self._low.C_Login(self._session.session, user, buffer))
        finally:
            for index in range(len(buffer)):
                buffer[index] = 0

    def logout(self) -> None:
        """C_Logout; a token that was pulled out is logged out too."""
        self._low.C_Logout(self._session.session)

    def sign(
        self, key: Any, mechanism: int, data: bytes, pin_again: bytes | None, *, again: bool,
        pss: PssParameters | None = None,
    ) -> bytes:  # fmt: skip
        """C_SignInit and C_Sign. `again`: the key wants a login between the two (CKA_ALWAYS_AUTHENTICATE)."""
        parameter = struct.pack("@LLL", *pss) if pss else b""
        calls, number = self._module.calls, self._number
        self._check("C_SignInit", calls.sign_init(number, mechanism, parameter, key))
        if again:
            try:
                self.login(pin_again, context_specific=True)
            except PinIncorrect as error:  # it was right a moment ago: the person cannot help
                raise self._module.error(return_codes.USER_NOT_LOGGED_IN, "C_Login", self._token) from error
        code, signature = calls.sign(number, data)
        self._check("C_Sign", code)
        return signature

    def error(self, code: int, operation: str) -> PeroError:
        return self._module.error(code, operation, self._token)

    def _check(self, operation: str, code: int) -> None:
        if code != PyKCS11.CKR_OK:
            raise self.error(return_codes.normal(code), operation)


def _memory(told: Any) -> int | None:
    """CK_UNAVAILABLE_INFORMATION is all ones, of 32 or 64 bits."""
    return int(told) if 0 <= int(told) < _UNAVAILABLE else None


def _text(value: Any) -> str:
    """Padded text of a fixed length; what is not UTF-8 in it is replaced."""
    return str(value).encode("utf-8", "replace").decode("utf-8", "replace").strip(" \0")


def native(handle: Any) -> Any:
    """A handle as the binding has it."""
    if not isinstance(handle, int):
        return handle
    own = LowLevel.CK_OBJECT_HANDLE()
    own.assign(handle)
    return own


def _quick(kind: int, value: bytes) -> Attribute:
    if kind in _OCTETS:
        return value
    if kind in _BOOLEANS:
        return any(value)
    return int.from_bytes(value, sys.byteorder) if len(value) == cryptoki.NUMBER else None


def _attribute(view: Any) -> Attribute:
    """The value of a CK_ATTRIBUTE_SMART, whose kind the binding knows by its type."""
    if view.IsNum():
        return int(view.GetNum())
    if view.IsBool():
        return bool(view.GetBool())
    return bytes(view.GetBin()) if view.IsBin() else str(view.GetString())


def _value(value: Any) -> Attribute:
    if value is None or isinstance(value, (int, bool, str)):
        return value
    return bytes(value)
