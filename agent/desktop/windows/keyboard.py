"""Caps Lock and the keyboard layout, where the system tells: X11 by XKB. Elsewhere nothing is said."""

from __future__ import annotations

import ctypes

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtGui import QGuiApplication

_CORE_KEYBOARD = 0x100  # XkbUseCoreKbd
_STATE_NOTIFY = 2  # XkbStateNotify
_ALL_COMPONENTS = 0x3FFF  # XkbAllStateComponentsMask
_LOCK = 1 << 1  # LockMask
_STRING = 31  # XA_STRING
_LAYOUT_FIELD = 2  # in _XKB_RULES_NAMES: rules, model, layout, variant, options
_EVENT = 24 * ctypes.sizeof(ctypes.c_long)  # sizeof(XEvent)


class _State(ctypes.Structure):
    """XkbStateRec."""

    _fields_ = (
        ("group", ctypes.c_ubyte),
        ("locked_group", ctypes.c_ubyte),
        ("base_group", ctypes.c_ushort),
        ("latched_group", ctypes.c_ushort),
        *((name, ctypes.c_ubyte) for name in ("mods", "base_mods", "latched_mods", "locked_mods", "compat_state")),
        *((name, ctypes.c_ubyte) for name in ("grab", "compat_grab", "lookup", "compat_lookup")),
        ("pointer_buttons", ctypes.c_ushort),
    )


class Keyboard(QObject):
    """`caps_lock` and `layout` ("us", "ru"; empty where not known), and a signal when they change."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.caps_lock = False
        self.layout = ""
        self._x11 = _X11.open() if QGuiApplication.platformName() == "xcb" else None
        if self._x11 is not None:
            notifier = QSocketNotifier(self._x11.connection, QSocketNotifier.Type.Read, self)
            notifier.activated.connect(self._look)
            self._look()

    def _look(self) -> None:
        assert self._x11 is not None  # noqa: S101 - connected only where there is one
        self._x11.drain()
        now = self._x11.state()
        if now != (self.caps_lock, self.layout):
            self.caps_lock, self.layout = now
            self.changed.emit()


class _X11:
    """A connection of our own to the X server that hears of keyboard states only (XKB protocol, libX11)."""

    def __init__(self, library: ctypes.CDLL, display: int) -> None:
        self._library = library
        self._display = ctypes.c_void_p(display)
        library.XkbSelectEventDetails(
            self._display,
            _CORE_KEYBOARD,
            _STATE_NOTIFY,
            ctypes.c_ulong(_ALL_COMPONENTS),
            ctypes.c_ulong(_ALL_COMPONENTS),
        )
        library.XFlush(self._display)
        self.connection: int = library.XConnectionNumber(self._display)

    @classmethod
    def open(cls) -> _X11 | None:
        try:
            library = ctypes.CDLL("libX11.so.6")
        except OSError:
            return None
        library.XOpenDisplay.restype = ctypes.c_void_p
        library.XInternAtom.restype = library.XDefaultRootWindow.restype = ctypes.c_ulong
        display = library.XOpenDisplay(None)
        return cls(library, display) if display else None

    def drain(self) -> None:
        """Take what is waiting; only that something changed is of interest."""
        event = ctypes.create_string_buffer(_EVENT)
        while self._library.XPending(self._display):
            self._library.XNextEvent(self._display, event)

    def state(self) -> tuple[bool, str]:
        """Whether Caps Lock is on, and the layout in use."""
        state = _State()
        if self._library.XkbGetState(self._display, _CORE_KEYBOARD, ctypes.byref(state)):
            return False, ""
        layouts = self._layouts()
        layout = layouts[state.group] if state.group < len(layouts) else ""
        return bool(state.locked_mods & _LOCK), layout

    def _layouts(self) -> list[str]:
        """The layouts that were set, from the root window's property _XKB_RULES_NAMES."""
        library, display = self._library, self._display
        atom = ctypes.c_ulong(library.XInternAtom(display, b"_XKB_RULES_NAMES", 1))
        root = ctypes.c_ulong(library.XDefaultRootWindow(display))
        kind, size, left = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_ulong()
        format_, value = ctypes.c_int(), ctypes.c_void_p()
        results = [ctypes.byref(place) for place in (kind, format_, size, left, value)]
        zero, limit = ctypes.c_long(0), ctypes.c_long(256)  # in 32-bit units
        if not atom.value or library.XGetWindowProperty(
            display, root, atom, zero, limit, 0, ctypes.c_ulong(_STRING), *results
        ):
            return []
        if not value:
            return []
        fields = ctypes.string_at(value, size.value).split(b"\0")
        library.XFree(value)
        return fields[_LAYOUT_FIELD].decode("ascii", "replace").split(",") if len(fields) > _LAYOUT_FIELD else []
