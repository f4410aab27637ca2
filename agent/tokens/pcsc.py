"""PC/SC: which readers there are and what is in them, through the platform's own library by ctypes.

Linux: libpcsclite.so.1; macOS: PCSC.framework; Windows: winscard.dll. Types and values follow the header files of
pcsc-lite and the Windows SDK; only Linux was run. Nothing here talks to a card: contexts, names and states only.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple

NOTIFICATION = "\\\\?PnP?\\Notification"  # stands for a reader; its state changes when readers come or go
INFINITE = 0xFFFFFFFF  # milliseconds

SUCCESS = 0x00000000
CANCELLED = 0x80100002
UNKNOWN_READER = 0x80100009
TIMEOUT = 0x8010000A
NO_SERVICE = 0x8010001D
NO_READERS = 0x8010002E

_SCOPE_SYSTEM = 2
_CHANGED = 0x0002
_PRESENT = 0x0020
_MUTE = 0x0200
_WIDTH = 0xFFFFFFFF
_ATR_SIZE = 36 if sys.platform == "win32" else 33

# DWORD and LONG of pcsc-lite are `long` on Linux, 32 bits on macOS and Windows; a context is a handle on Windows.
_DWORD: Any = ctypes.c_ulong if sys.platform.startswith("linux") else ctypes.c_uint32
_LONG: Any = ctypes.c_long if sys.platform.startswith("linux") else ctypes.c_int32
_CONTEXT: Any = ctypes.c_size_t if sys.platform == "win32" else _LONG
_NAME: Any = ctypes.c_wchar_p if sys.platform == "win32" else ctypes.c_char_p


class _ReaderState(ctypes.Structure):
    """SCARD_READERSTATE."""

    if sys.platform == "darwin":
        _pack_ = 1
    _fields_ = (
        ("reader", _NAME), ("user", ctypes.c_void_p), ("current", _DWORD), ("event", _DWORD), ("atr_size", _DWORD),
        ("atr", ctypes.c_ubyte * _ATR_SIZE),
    )  # fmt: skip


class State(NamedTuple):
    """A reader as the service sees it at one moment."""

    raw: int  # dwEventState, to be handed back with the next wait
    present: bool  # a card or token that answers
    atr: bytes

    @property
    def events(self) -> int:
        """How often something was put in or taken out, where the service counts."""
        return self.raw >> 16


UNAWARE = State(0, False, b"")


class PcscError(Exception):
    """A call returned another code than SUCCESS."""

    def __init__(self, code: int) -> None:
        super().__init__(f"0x{code:08X}")
        self.code = code


class Library:
    """The calls. Raises OSError where the system has no PC/SC library."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            library: Any = ctypes.WinDLL("winscard.dll")
            wide = "W"
        else:
            framework = "/System/Library/Frameworks/PCSC.framework/PCSC"
            library = ctypes.CDLL(framework if sys.platform == "darwin" else "libpcsclite.so.1")
            wide = ""
        pointer = ctypes.POINTER
        self.establish = _function(
            library, "SCardEstablishContext", _DWORD, ctypes.c_void_p, ctypes.c_void_p, pointer(_CONTEXT)
        )
        self.release = _function(library, "SCardReleaseContext", _CONTEXT)
        self.cancel = _function(library, "SCardCancel", _CONTEXT)
        self.list_readers = _function(
            library, f"SCardListReaders{wide}", _CONTEXT, _NAME, ctypes.c_void_p, pointer(_DWORD)
        )
        self.status_change = _function(
            library, f"SCardGetStatusChange{wide}", _CONTEXT, _DWORD, pointer(_ReaderState), _DWORD
        )


def _function(library: Any, name: str, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.argtypes, function.restype = arguments, _LONG
    return function


class Context:
    """A connection to the service, for one thread; `cancel` alone may be called from another. Raises PcscError."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._context = _CONTEXT()
        _check(library.establish(_SCOPE_SYSTEM, None, None, ctypes.byref(self._context)))

    def readers(self) -> tuple[str, ...]:
        """Names of the readers now."""
        for _ in range(3):  # one may come between the two calls
            size = _DWORD()
            code = _code(self._library.list_readers(self._context, None, None, ctypes.byref(size)))
            if code == NO_READERS:
                return ()
            _check(code)
            buffer = (ctypes.c_wchar if sys.platform == "win32" else ctypes.c_char) * max(1, size.value)
            names = buffer()
            code = _code(self._library.list_readers(self._context, None, names, ctypes.byref(size)))
            if code == SUCCESS:
                return _split(names[: size.value])
        if code == NO_READERS:
            return ()
        raise PcscError(code)

    def wait(self, known: dict[str, State], milliseconds: int) -> dict[str, State]:
        """SCardGetStatusChange: the states when one of them is another than what is known, or after the time.

        UNAWARE is another than any state. Raises PcscError(CANCELLED) after `cancel`, UNKNOWN_READER where one went.
        """
        states = (_ReaderState * max(1, len(known)))()
        for state, (name, was) in zip(states, known.items(), strict=False):
            state.reader = name if sys.platform == "win32" else name.encode("utf-8", "surrogateescape")
            state.current = was.raw
        code = _code(self._library.status_change(self._context, milliseconds, states, len(known)))
        if code == TIMEOUT:
            return dict(known)
        _check(code)
        return {name: _state(state) for name, state in zip(known, states, strict=False)}

    def cancel(self) -> None:
        """End a `wait` that goes on in another thread; without one it has no effect."""
        self._library.cancel(self._context)

    def close(self) -> None:
        self._library.release(self._context)


def _state(read: _ReaderState) -> State:
    raw = int(read.event)
    present = bool(raw & _PRESENT) and not raw & _MUTE
    return State(raw & ~_CHANGED, present, bytes(read.atr[: min(read.atr_size, _ATR_SIZE)]) if present else b"")


def _split(names: str | bytes) -> tuple[str, ...]:
    """A list of names, each ended by a zero."""
    text = names if isinstance(names, str) else names.decode("utf-8", "surrogateescape")
    return tuple(name for name in text.split("\0") if name)


def _code(returned: int) -> int:
    return returned & _WIDTH


def _check(returned: int) -> None:
    if _code(returned) != SUCCESS:
        raise PcscError(_code(returned))
