"""PKCS#11 spoken from the process of the tests, through PyKCS11: what pkcs11-tool cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import PyKCS11
import pytest

# The Russian vendors' numbers, which PyKCS11 does not name
CKK_GOSTR3410_512 = 0xD4321003
CKM_GOSTR3410_512_KEY_PAIR_GEN = 0xD4321005
CKM_GOSTR3410_512 = 0xD4321006
CKM_GOSTR3410_WITH_GOSTR3411_12_256 = 0xD4321008
CKM_GOSTR3410_WITH_GOSTR3411_12_512 = 0xD4321009
CKM_GOSTR3411_12_256 = 0xD4321012
CKM_GOSTR3411_12_512 = 0xD4321013

READ_ONLY, READ_WRITE = PyKCS11.CKF_SERIAL_SESSION, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION


@contextmanager
def library(module: str, environment: Mapping[str, str]) -> Iterator[Any]:
    """The module, initialised; finalised at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        loaded = PyKCS11.PyKCS11Lib()
        loaded.load(module)
        try:
            yield loaded
        finally:
            loaded.unload()


@contextmanager
def session(loaded: Any, slot: int = 0, pin: str | None = None, flags: int = READ_WRITE) -> Iterator[Any]:
    """A session, logged in as the user where a PIN is given; closed at the end."""
    opened = loaded.openSession(slot, flags)
    try:
        if pin is not None:
            opened.login(pin)
        yield opened
    finally:
        loaded.lib.C_CloseSession(opened.session)


@contextmanager
def answering(code: int) -> Iterator[None]:
    """The call answers with this return code."""
    with pytest.raises(PyKCS11.PyKCS11Error) as raised:
        yield
    assert PyKCS11.CKR[raised.value.value] == PyKCS11.CKR[code]


def find(opened: Any, *template: tuple[int, Any]) -> Any:
    """The one object that fits."""
    (found,) = opened.findObjects(list(template))
    return found


def value(opened: Any, handle: Any, attribute: int) -> Any:
    """An attribute: bytes, a number, a truth value, text."""
    got = opened.getAttributeValue(handle, [attribute])[0]
    return bytes(got) if isinstance(got, (tuple, list)) else got


def generate(
    opened: Any, parameters: bytes, *, bits: int = 256, identifier: bytes = b"\x01", **more: Any
) -> tuple[Any, Any]:
    """A GOST key pair on the token. `parameters`: DER of the set's OID; `more`: attributes of the private key."""
    common = [(PyKCS11.CKA_TOKEN, True), (PyKCS11.CKA_ID, identifier), (PyKCS11.CKA_LABEL, "key")]
    public = [*common, (PyKCS11.CKA_GOSTR3410_PARAMS, parameters)]
    private = [*common, *((getattr(PyKCS11, name), given) for name, given in more.items())]
    mechanism = CKM_GOSTR3410_512_KEY_PAIR_GEN if bits == 512 else PyKCS11.CKM_GOSTR3410_KEY_PAIR_GEN
    made: tuple[Any, Any] = opened.generateKeyPair(public, private, PyKCS11.Mechanism(mechanism, None))
    return made


def create(opened: Any, *template: tuple[int, Any]) -> Any:
    return opened.createObject(list(template))


def gost_public_key(opened: Any, parameters: bytes, octets: bytes) -> Any:
    """A public key brought from outside, for this session."""
    return create(opened, *_gost(PyKCS11.CKO_PUBLIC_KEY, len(octets) == 128), (PyKCS11.CKA_VALUE, octets),
        (PyKCS11.CKA_GOSTR3410_PARAMS, parameters))  # fmt: skip


def gost_private_key(opened: Any, parameters: bytes, octets: bytes) -> Any:
    """A private key brought from outside, for this session; `octets`: least significant first."""
    return create(opened, *_gost(PyKCS11.CKO_PRIVATE_KEY, len(octets) == 64), (PyKCS11.CKA_VALUE, octets),
        (PyKCS11.CKA_GOSTR3410_PARAMS, parameters))  # fmt: skip


def _gost(kind: int, large: bool) -> list[tuple[int, int]]:
    key_type = CKK_GOSTR3410_512 if large else PyKCS11.CKK_GOSTR3410
    return [(PyKCS11.CKA_CLASS, kind), (PyKCS11.CKA_KEY_TYPE, key_type)]


def sign(opened: Any, key: Any, data: bytes, mechanism: int) -> bytes:
    return bytes(opened.sign(key, data, PyKCS11.Mechanism(mechanism, None)))


def verify(opened: Any, key: Any, data: bytes, signature: bytes, mechanism: int) -> bool:
    return bool(opened.verify(key, data, signature, PyKCS11.Mechanism(mechanism, None)))
