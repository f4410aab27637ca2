"""Modules whose numbers do not fit: no octet is read that the module did not have room for, and no search goes on for
ever. The module's functions are ours, called through its function list as any module's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_ubyte, c_ulong, c_void_p
from typing import Any

import pytest

from agent.tokens.cryptoki import Cryptoki

OK, GENERAL_ERROR, CLASS, VALUE, ID = 0, 5, 0, 0x11, 0x102  # CKR_..., CKA_...
ROOM = 1024  # bytes for a signature
AT_ONCE = 64  # handles
UNAVAILABLE = ctypes.c_ulong(-1).value  # CK_UNAVAILABLE_INFORMATION

_N = POINTER(c_ulong)
PLACES: dict[str, tuple[int, tuple[Any, ...]]] = {
    "slots": (4, (c_ubyte, c_void_p, _N)),
    "find_init": (26, (c_ulong, c_void_p, c_ulong)),
    "find": (27, (c_ulong, _N, c_ulong, _N)),
    "find_end": (28, (c_ulong,)),
    "read": (24, (c_ulong, c_ulong, POINTER(c_ulong), c_ulong)),
    "sign_init": (42, (c_ulong, c_void_p, c_ulong)),
    "sign": (43, (c_ulong, c_void_p, c_ulong, c_void_p, _N)),
    "token_info": (6, (c_ulong, c_void_p)),
}
Function = Callable[..., int]


class List(ctypes.Structure):
    """CK_FUNCTION_LIST."""

    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * 68))


class Library:
    """What ctypes gives for a module."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self.list = List()
        self.held = []
        for name, (place, arguments) in PLACES.items():
            made = ctypes.CFUNCTYPE(c_ulong, *arguments)(functions.get(name, lambda *_: OK))
            self.held.append(made)
            self.list.functions[place] = ctypes.cast(made, c_void_p).value

    def C_GetFunctionList(self, listed: Any) -> int:  # noqa: N802 - PKCS#11's name
        ctypes.cast(listed, POINTER(c_void_p))[0] = ctypes.addressof(self.list)
        return OK


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cryptoki]:
    def make(**functions: Function) -> Cryptoki:
        library = Library(functions)
        monkeypatch.setattr("agent.tokens.cryptoki.ctypes.CDLL", lambda _: library)
        return Cryptoki("/module.so")

    return make


def says(number: int) -> Function:
    """Answers with this as its last argument, a count or a length."""

    def answer(*arguments: Any) -> int:
        arguments[-1][0] = number
        return OK

    return answer


@pytest.mark.parametrize("length", [ROOM + 1, ROOM + 4096, 1 << 40, UNAVAILABLE])
def test_a_signature_longer_than_its_room_is_none(module: Callable[..., Cryptoki], length: int) -> None:
    assert module(sign=says(length)).sign(1, b"digest") == (GENERAL_ERROR, b"")


def test_a_signature_that_fills_its_room_is_whole(module: Callable[..., Cryptoki]) -> None:
    code, signature = module(sign=says(ROOM)).sign(1, b"digest")
    assert (code, len(signature)) == (OK, ROOM)


@pytest.mark.parametrize("count", [AT_ONCE + 1, 1 << 40, UNAVAILABLE])
def test_more_handles_than_were_asked_for_are_none(module: Callable[..., Cryptoki], count: int) -> None:
    ended = []

    def end(session: int) -> int:
        ended.append(session)
        return OK

    calls = module(find=says(count), find_end=end)
    assert calls.find(7, [(CLASS, 1)]) == (GENERAL_ERROR, [])
    assert ended == [7], "the search is ended all the same"


def test_a_search_that_never_ends_is_ended(module: Callable[..., Cryptoki]) -> None:
    code, found = module(find=says(AT_ONCE)).find(1, [(CLASS, 1)])
    assert code == GENERAL_ERROR
    assert len(found) < 1 << 17


def test_a_search_whose_end_fails_failed(module: Callable[..., Cryptoki]) -> None:
    counts = iter([2, 0])

    def find(*arguments: Any) -> int:
        arguments[3][0] = next(counts)
        return OK

    assert module(find=find, find_end=lambda _: 0x30).find(1, [(CLASS, 1)])[0] == 0x30


@pytest.mark.parametrize("count", [(1 << 12) + 1, UNAVAILABLE])
def test_slots_without_an_end_are_none(module: Callable[..., Cryptoki], count: int) -> None:
    assert module(slots=says(count)).slots() == (GENERAL_ERROR, [])


def test_slots_that_became_more_between_two_calls_are_those_there_was_room_for(
    module: Callable[..., Cryptoki],
) -> None:
    counts = iter([2, 1 << 40])

    def slots(_present: int, _room: int | None, count: Any) -> int:
        count[0] = next(counts)
        return OK

    code, found = module(slots=slots).slots()
    assert (code, len(found)) == (OK, 2)


@pytest.mark.parametrize("length", [8193, 1 << 40, UNAVAILABLE])
def test_attributes_longer_than_their_room_are_left_to_the_binding(
    module: Callable[..., Cryptoki], length: int
) -> None:
    def read(_session: int, _handle: int, template: Any, count: int) -> int:
        template[3 * count - 1] = length  # ulValueLen of the last CK_ATTRIBUTE
        return OK

    assert module(read=read).read(1, 2, (ID, VALUE)) is None


def test_attributes_come_as_long_as_the_module_says(module: Callable[..., Cryptoki]) -> None:
    def read(_session: int, _handle: int, template: Any, count: int) -> int:
        for index, value in enumerate([b"\x01", b"value"]):
            ctypes.memmove(template[3 * index + 1], value, len(value))
            template[3 * index + 2] = len(value)
        return OK

    calls = module(read=read)
    assert calls.read(1, 2, (ID, VALUE)) == [b"\x01", b"value"]
    assert calls.read(1, 2, (ID, VALUE)) == [b"\x01", b"value"], "the rooms are used again"


def test_a_module_without_a_function_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library({})
    library.list.functions[PLACES["sign"][0]] = None
    monkeypatch.setattr("agent.tokens.cryptoki.ctypes.CDLL", lambda _: library)
    with pytest.raises(ValueError, match="43"):
        Cryptoki("/module.so")
