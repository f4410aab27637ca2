"""The icon on X11 desktops with a system tray of old: pystray's, made to hear clicks, to come back, to look well.

XEmbed, and freedesktop.org's System Tray Protocol 0.3: whoever shows icons owns the selection _NET_SYSTEM_TRAY_Sn, and
says MANAGER to the root window when it comes. What pystray 0.19.5 lacks here: its window selects no button events, a
tray that comes later or anew is not heard, every change of the picture asks to be docked again, what of a picture is
transparent is black, and its threads share a connection, which python-xlib 0.33 does not always survive: here one
thread does it all.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Any

import pystray
from PIL import Image
from Xlib import X, error  # type: ignore[import-untyped]
from Xlib.ext import shape  # type: ignore[import-untyped]

_EVENTS = X.ExposureMask | X.StructureNotifyMask | X.ButtonPressMask
_OPEN_BUTTON, _MENU_BUTTON = 1, 3
_SEEN = 128  # alpha from which on a pixel belongs to the shape


class XorgIcon(pystray.Icon):  # type: ignore[misc]  # the base has no types
    """`menu_wanted` is told where on the screen, in its pixels; `docked` whether a tray has the icon."""

    _systray_manager: Any
    _icon_data: Any

    def __init__(self, name: str, menu_wanted: Callable[[int, int], None], docked: Callable[[bool], None]) -> None:
        self._menu_wanted = menu_wanted
        self._docked = docked
        super().__init__(name)
        self._thread = threading.current_thread()  # so pystray does everything at once, and waits for no other
        self._manager_atom = self._display.intern_atom("MANAGER")
        # A window manager must not take the window for its own when a tray ends and leaves it to the root window.
        self._window.change_attributes(event_mask=_EVENTS, override_redirect=1)
        self._display.screen().root.change_attributes(event_mask=X.StructureNotifyMask)  # MANAGER is told to it
        messages = self._message_handlers[X.ClientMessage]
        self._message_handlers[X.ClientMessage] = lambda event: self._on_message(event, messages)
        self._message_handlers[X.ReparentNotify] = self._on_reparent
        self._display.flush()

    def serve(self, descriptor: int, heard: Callable[[bytes], None]) -> None:
        """Show the icon, and hear lines from a descriptor, until there are no more or the display is gone."""
        try:
            self.visible = True
            rest = b""
            while self._events_so_far():
                ready, _, _ = select.select([self._display, descriptor], [], [])
                if descriptor in ready:
                    data = os.read(descriptor, 1 << 16)
                    if not data:
                        return
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        heard(line)
        except error.ConnectionClosedError:
            return

    def _events_so_far(self) -> bool:
        """Take what has come of events; whether the icon's window still stands."""
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == X.DestroyNotify and event.window.id == self._window.id:
                return False
            self._message_handlers.get(event.type, lambda _event: None)(event)
        return True

    def _on_message(self, event: Any, others: Callable[[Any], None]) -> None:
        if event.client_type == self._manager_atom:
            if event.data[1][1] == self._net_system_tray_sx:
                self._dock_window()
        else:
            others(event)

    def _on_reparent(self, event: Any) -> None:
        """A tray has taken the window, or let it go: it may hand it to the root window before it ends."""
        if event.window.id != self._window.id:
            return
        self._display.grab_server()  # the next tray may take it at any moment
        try:
            at_root = self._window.query_tree().parent == self._display.screen().root
            if at_root:
                self._window.unmap()  # else it would be a window of its own
        finally:
            self._display.ungrab_server()
            self._display.flush()
        self._docked(not at_root)

    def _on_destroy_notify(self, event: Any) -> None:
        if self._systray_manager and event.window.id == self._systray_manager.id:
            self._systray_manager = None
            self._docked(False)
            self._dock_window()  # another may stand already

    def _on_button_press(self, event: Any) -> None:
        if event.detail == _OPEN_BUTTON:
            self()
        elif event.detail == _MENU_BUTTON:
            self._menu_wanted(event.root_x, event.root_y)

    def _assert_docked(self) -> None:
        """The base asks this before whatever it does; without a tray it waits for one."""
        if self._systray_manager is None:
            self._dock_window()

    def _dock_window(self) -> None:
        try:
            super()._dock_window()
        except error.XError:  # the tray ended meanwhile
            self._systray_manager = None

    def _assert_icon_data(self, width: int, height: int) -> None:
        """The picture in the size of the window, and the window in the shape of the picture."""
        if self._icon_data and self._icon_data.size == (width, height):
            return
        side = min(width, height)
        picture = Image.new("RGBA", (width, height))
        drawn = self._icon.convert("RGBA").resize((side, side), Image.Resampling.LANCZOS)
        picture.paste(drawn, ((width - side) // 2, (height - side) // 2))
        self._icon_data = picture.convert("RGB")
        self._cut_out(picture.getchannel("A").point(lambda alpha: alpha >= _SEEN and 255).convert("1"))

    def _cut_out(self, mask: Image.Image) -> None:
        if not self._display.has_extension("SHAPE"):
            return
        pixmap = self._window.create_pixmap(*mask.size, 1)
        context = pixmap.create_gc(foreground=1, background=0)
        pixmap.put_pil_image(context, 0, 0, mask)
        self._window.shape_mask(shape.SO.Set, shape.SK.Bounding, 0, 0, pixmap)
        context.free()
        pixmap.free()
