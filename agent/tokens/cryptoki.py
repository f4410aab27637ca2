"""The calls of PKCS#11 v2.40 that every signature needs, through ctypes: the binding takes up to a hundred microseconds
for what takes three here. A module is loaded and initialised by the binding; this finds the same one by its path.

Nothing here raises for what a module answers: codes are given to whoever asked. What a module writes goes into buffers
of known sizes, and lengths that do not fit them are no values.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Sequence
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p
from typing import NamedTuple

OK = 0x00  # CKR_OK
NUMBER = ctypes.sizeof(c_ulong)  # bytes of CK_ULONG
_ODD_LENGTH = 0x05  # CKR_GENERAL_ERROR, said for a module whose lengths do not fit
_BUFFER = 8 << 10  # bytes for one attribute; what is longer is read by the binding, in two steps
_AT_ONCE = 64  # handles in one look
_MOST_OBJECTS = 1 << 16  # handles of a token
_MOST_SLOTS = 1 << 12
_ROOM = 1024  # bytes for a signature

# Places in CK_FUNCTION_LIST (PKCS#11 v2.40, appendix B)
_SLOT_LIST, _TOKEN_INFO, _READ, _FIND_INIT, _FIND, _FIND_END, _SIGN_INIT, _SIGN = 4, 6, 24, 26, 27, 28, 42, 43
_PLACES = 68


class _Packed(ctypes.Structure):
    if sys.platform == "win32":  # PKCS#11 v2.40 section 2.1
        _pack_ = 1


class _FunctionList(_Packed):
    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * _PLACES))


class _Attribute(_Packed):
    _fields_ = (("kind", c_ulong), ("value", c_void_p), ("length", c_ulong))


class _Mechanism(_Packed):
    _fields_ = (("kind", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class _TokenInfo(_Packed):
    _fields_ = (
        ("label", c_char * 32), ("manufacturer", c_char * 32), ("model", c_char * 16), ("serial", c_char * 16),
        ("flags", c_ulong), ("sessions", c_ulong * 4), ("longest_pin", c_ulong), ("shortest_pin", c_ulong),
        ("total_public", c_ulong), ("free_public", c_ulong), ("private", c_ulong * 2),
        ("versions", c_ubyte * 4), ("time", c_char * 16),
    )  # fmt: skip


class RawTokenInfo(NamedTuple):
    """CK_TOKEN_INFO as it is told."""

    label: str
    serial: str
    manufacturer: str
    model: str
    flags: int
    minimum_pin: int
    maximum_pin: int
    free_memory: int


_Room = ctypes.Array[c_char]


def _template(rooms: Iterable[tuple[int, _Room]]) -> ctypes.Array[_Attribute]:
    """The rooms have to be held as long as it is used."""
    attributes = [_Attribute(kind, ctypes.addressof(room), len(room)) for kind, room in rooms]
    return (_Attribute * len(attributes))(*attributes)


class _Wanted:
    """A template for reading some attributes, with room for their values."""

    def __init__(self, kinds: Sequence[int]) -> None:
        self._rooms = [ctypes.create_string_buffer(_BUFFER) for _ in kinds]
        self.count = len(kinds)
        self.template = _template(zip(kinds, self._rooms, strict=True))

    def reset(self) -> None:
        for attribute in self.template:
            attribute.length = _BUFFER

    def values(self) -> list[bytes] | None:
        """None where a length is none."""
        lengths = [attribute.length for attribute in self.template]
        if any(length > _BUFFER for length in lengths):
            return None
        return [ctypes.string_at(room, length) for room, length in zip(self._rooms, lengths, strict=True)]


class Cryptoki:
    """The functions of one module that is loaded already. Raises OSError, AttributeError, ValueError where they cannot
    be found."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        listed = POINTER(_FunctionList)()
        if library.C_GetFunctionList(byref(listed)) != OK or not listed:
            raise ValueError("C_GetFunctionList")
        self._library = library  # held: the functions are in it
        places = listed.contents.functions

        def function(place: int, *arguments: object) -> Callable[..., int]:
            if not places[place]:
                raise ValueError(f"function {place}")
            return ctypes.CFUNCTYPE(c_ulong, *arguments)(places[place])  # type: ignore[arg-type]  # ctypes' own types

        handles, length = POINTER(c_ulong), POINTER(c_ulong)
        self._slot_list = function(_SLOT_LIST, c_ubyte, c_void_p, length)
        self._token_info = function(_TOKEN_INFO, c_ulong, POINTER(_TokenInfo))
        self._read = function(_READ, c_ulong, c_ulong, POINTER(_Attribute), c_ulong)
        self._find_init = function(_FIND_INIT, c_ulong, POINTER(_Attribute), c_ulong)
        self._find = function(_FIND, c_ulong, handles, c_ulong, length)
        self._find_end = function(_FIND_END, c_ulong)
        self._sign_init = function(_SIGN_INIT, c_ulong, POINTER(_Mechanism), c_ulong)
        self._sign = function(_SIGN, c_ulong, ctypes.c_char_p, c_ulong, c_void_p, length)
        self._handles = (c_ulong * _AT_ONCE)()
        self._number = c_ulong()
        self._room = ctypes.create_string_buffer(_ROOM)
        self._templates: dict[tuple[int, ...], _Wanted] = {}

    def slots(self) -> tuple[int, list[int]]:
        """C_GetSlotList of those with a token; the first of its two calls makes a module look anew."""
        number = self._number
        code = self._slot_list(1, None, byref(number))
        if code != OK or not number.value:
            return code, []
        if number.value > _MOST_SLOTS:
            return _ODD_LENGTH, []
        room = (c_ulong * number.value)()
        code = self._slot_list(1, room, byref(number))
        return code, list(room[: min(number.value, len(room))]) if code == OK else []

    def token_info(self, slot: int) -> tuple[int, RawTokenInfo | None]:
        info = _TokenInfo()
        code = self._token_info(slot, byref(info))
        if code != OK:
            return code, None
        raw = bytes(info)
        label, manufacturer, model, serial = (raw[start:end] for start, end in ((0, 32), (32, 64), (64, 80), (80, 96)))
        return code, RawTokenInfo(
            _text(label), _text(serial), _text(manufacturer), _text(model),
            info.flags, info.shortest_pin, info.longest_pin, info.free_public,
        )  # fmt: skip

    def find(self, session: int, template: Sequence[tuple[int, int | bytes]]) -> tuple[int, list[int]]:
        """C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal: the code of the first that failed."""
        octets = [value if isinstance(value, bytes) else value.to_bytes(NUMBER, sys.byteorder) for _, value in template]
        kept = [ctypes.create_string_buffer(value, len(value)) for value in octets]
        wanted = _template((kind, room) for (kind, _), room in zip(template, kept, strict=True))
        code = self._find_init(session, wanted, len(kept))
        if code != OK:
            return code, []
        code, found = self._found(session)
        ended = self._find_end(session)
        return code or ended, found

    def _found(self, session: int) -> tuple[int, list[int]]:
        found: list[int] = []
        while True:
            code = self._find(session, self._handles, _AT_ONCE, byref(self._number))
            count = self._number.value
            if code == OK and (count > _AT_ONCE or len(found) > _MOST_OBJECTS):
                code = _ODD_LENGTH
            if code != OK or not count:
                return code, found
            found += self._handles[:count]

    def read(self, session: int, handle: int, kinds: Sequence[int]) -> list[bytes] | None:
        """The octets of attributes, in one call; None where one of them is not shown or too long."""
        key = tuple(kinds)
        wanted = self._templates.get(key)
        if wanted is None:
            wanted = self._templates[key] = _Wanted(key)
        wanted.reset()
        if self._read(session, handle, wanted.template, wanted.count) != OK:
            return None
        return wanted.values()

    def sign_init(self, session: int, mechanism: int, parameter: bytes, key: int) -> int:
        kept = ctypes.create_string_buffer(parameter, len(parameter)) if parameter else None
        chosen = _Mechanism(mechanism, ctypes.addressof(kept) if kept else None, len(parameter))
        return self._sign_init(session, byref(chosen), key)

    def sign(self, session: int, data: bytes) -> tuple[int, bytes]:
        self._number.value = _ROOM
        code = self._sign(session, data, len(data), self._room, byref(self._number))
        if code != OK:
            return code, b""
        if self._number.value > _ROOM:
            return _ODD_LENGTH, b""
        return OK, ctypes.string_at(self._room, self._number.value)


def _text(padded: bytes) -> str:
    """Padded text of a fixed length; what is not UTF-8 in it is replaced."""
    return padded.decode("utf-8", "replace").strip(" \0")
