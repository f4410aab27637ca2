"""The icon of Linux desktops: a StatusNotifierItem and its menu on the session bus.

Interfaces: org.kde.StatusNotifierItem (freedesktop.org, "Status Notifier Item", draft 0.1) and com.canonical.dbusmenu
(its introspection file, version 3 of the protocol). Whoever shows icons registers at org.kde.StatusNotifierWatcher.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from dbus_fast import DBusError, PropertyAccess, Variant
from dbus_fast.annotations import (
    DBusBool,
    DBusDict,
    DBusInt32,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
    DBusUInt32,
    DBusVariant,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from agent.desktop.tray.menu import Row, Sight, Situation, rows

ITEM_PATH = "/StatusNotifierItem"
MENU_PATH = "/MenuBar"
PIXELS = 32  # of the side of a pixmap
ICON_FOLDER = Path(__file__).parents[1] / "icons"
_PROTOCOL = 3  # of com.canonical.dbusmenu

Pixmaps = Annotated[list[Any], DBusSignature("a(iiay)")]
ToolTip = Annotated[tuple[Any, ...], DBusSignature("(sa(iiay)ss)")]
Strings = Annotated[list[str], DBusSignature("as")]
Numbers = Annotated[list[int], DBusSignature("ai")]
Properties = Annotated[list[Any], DBusSignature("a(ia{sv})")]
Removed = Annotated[list[Any], DBusSignature("a(ias)")]
Events = Annotated[list[Any], DBusSignature("a(isvu)")]
Layout = Annotated[list[Any], DBusSignature("u(ia{sv}av)")]
Updates = Annotated[list[Any], DBusSignature("aiai")]

Nothing = Annotated[None, DBusSignature("")]

Chosen = Callable[[str], None]  # told the action of a row
_READ = PropertyAccess.READ


class StatusItem(ServiceInterface):
    """org.kde.StatusNotifierItem. A click opens Pero's window, the other button the menu."""

    def __init__(self, sight: Sight, chosen: Chosen) -> None:
        super().__init__("org.kde.StatusNotifierItem")
        self._sight = sight
        self._chosen = chosen

    def show(self, sight: Sight) -> None:
        """Tell the desktop what changed."""
        before, self._sight = self._sight, sight
        if before.icon != sight.icon:
            self.NewIcon()
            self.NewStatus(self._status)
        if before.tooltip != sight.tooltip:
            self.NewToolTip()

    @property
    def _status(self) -> str:
        urgent = self._sight.situation in (Situation.ATTENTION, Situation.TROUBLE)
        return "NeedsAttention" if urgent else "Active"

    @dbus_property(access=_READ)
    def Category(self) -> DBusStr:  # noqa: N802 - the bus's name
        return "ApplicationStatus"

    @dbus_property(access=_READ)
    def Id(self) -> DBusStr:  # noqa: N802
        return "pero"

    @dbus_property(access=_READ)
    def Title(self) -> DBusStr:  # noqa: N802
        return "Pero"

    @dbus_property(access=_READ)
    def Status(self) -> DBusStr:  # noqa: N802
        return self._status

    @dbus_property(access=_READ)
    def WindowId(self) -> DBusInt32:  # noqa: N802
        return 0

    @dbus_property(access=_READ)
    def IconThemePath(self) -> DBusStr:  # noqa: N802
        return str(ICON_FOLDER)

    @dbus_property(access=_READ)
    def IconName(self) -> DBusStr:  # noqa: N802
        return self._sight.icon

    @dbus_property(access=_READ)
    def IconPixmap(self) -> Pixmaps:  # noqa: N802
        return [pixmap(self._sight.icon)]

    @dbus_property(access=_READ)
    def AttentionIconName(self) -> DBusStr:  # noqa: N802
        return self._sight.icon

    @dbus_property(access=_READ)
    def AttentionIconPixmap(self) -> Pixmaps:  # noqa: N802
        return [pixmap(self._sight.icon)]

    @dbus_property(access=_READ)
    def ToolTip(self) -> ToolTip:  # noqa: N802
        return (self._sight.icon, [], "Pero", _escaped(self._sight.tooltip))

    @dbus_property(access=_READ)
    def ItemIsMenu(self) -> DBusBool:  # noqa: N802
        return False

    @dbus_property(access=_READ)
    def Menu(self) -> DBusObjectPath:  # noqa: N802
        return MENU_PATH

    @dbus_method()
    def Activate(self, x: DBusInt32, y: DBusInt32) -> Nothing:  # noqa: N802
        self._chosen("open:certificates")

    @dbus_method()
    def SecondaryActivate(self, x: DBusInt32, y: DBusInt32) -> Nothing:  # noqa: N802
        self._chosen("open:certificates")

    @dbus_method()
    def ContextMenu(self, x: DBusInt32, y: DBusInt32) -> Nothing:  # noqa: N802
        """Desktops that show our menu themselves do not call this; the others get the window."""
        self._chosen("open:certificates")

    @dbus_method()
    def Scroll(self, delta: DBusInt32, orientation: DBusStr) -> Nothing:  # noqa: N802
        """Nothing turns."""

    @dbus_signal()
    def NewIcon(self) -> Nothing:  # noqa: N802
        return None

    @dbus_signal()
    def NewToolTip(self) -> Nothing:  # noqa: N802
        return None

    @dbus_signal()
    def NewStatus(self, status: str) -> DBusStr:  # noqa: N802
        return status


class Menu(ServiceInterface):
    """com.canonical.dbusmenu: one level of rows."""

    def __init__(self, sight: Sight, chosen: Chosen) -> None:
        super().__init__("com.canonical.dbusmenu")
        self._rows = {row.number: row for row in rows(sight)}
        self._chosen = chosen
        self._revision = 1

    def show(self, sight: Sight) -> None:
        now = {row.number: row for row in rows(sight)}
        if now != self._rows:
            self._rows = now
            self._revision += 1
            self.LayoutUpdated()

    @dbus_property(access=_READ)
    def Version(self) -> DBusUInt32:  # noqa: N802
        return _PROTOCOL

    @dbus_property(access=_READ)
    def TextDirection(self) -> DBusStr:  # noqa: N802
        return "ltr"

    @dbus_property(access=_READ)
    def Status(self) -> DBusStr:  # noqa: N802
        return "normal"

    @dbus_property(access=_READ)
    def IconThemePath(self) -> Strings:  # noqa: N802
        return [str(ICON_FOLDER)]

    @dbus_method()
    def GetLayout(self, parent: DBusInt32, depth: DBusInt32, names: Strings) -> Layout:  # noqa: N802
        if parent:
            row = self._row(parent)
            return [self._revision, [row.number, _properties(row, names), []]]
        below = (Variant("(ia{sv}av)", [row.number, _properties(row, names), []]) for row in self._rows.values())
        root = {"children-display": Variant("s", "submenu")}
        return [self._revision, [0, root, list(below) if depth else []]]

    @dbus_method()
    def GetGroupProperties(self, numbers: Numbers, names: Strings) -> Properties:  # noqa: N802
        wanted = [self._rows[number] for number in numbers or self._rows if number in self._rows]
        return [[row.number, _properties(row, names)] for row in wanted]

    @dbus_method()
    def GetProperty(self, number: DBusInt32, name: DBusStr) -> DBusVariant:  # noqa: N802
        return _properties(self._row(number), []).get(name, Variant("s", ""))

    @dbus_method()
    def Event(self, number: DBusInt32, event: DBusStr, data: DBusVariant, time: DBusUInt32) -> Nothing:  # noqa: N802
        self._happened(number, event)

    @dbus_method()
    def EventGroup(self, events: Events) -> Numbers:  # noqa: N802
        for number, event, _data, _time in events:
            self._happened(number, event)
        return [number for number, *_ in events if number and number not in self._rows]

    @dbus_method()
    def AboutToShow(self, number: DBusInt32) -> DBusBool:  # noqa: N802
        return False

    @dbus_method()
    def AboutToShowGroup(self, numbers: Numbers) -> Updates:  # noqa: N802
        return [[], [number for number in numbers if number and number not in self._rows]]

    @dbus_signal()
    def LayoutUpdated(self) -> Annotated[list[int], DBusSignature("ui")]:  # noqa: N802
        return [self._revision, 0]

    @dbus_signal()
    def ItemsPropertiesUpdated(self) -> Annotated[list[Any], DBusSignature("a(ia{sv})a(ias)")]:  # noqa: N802
        return [[], []]

    def _row(self, number: int) -> Row:
        if number not in self._rows:
            raise DBusError("com.canonical.dbusmenu.Error", "no such row")
        return self._rows[number]

    def _happened(self, number: int, event: str) -> None:
        row = self._rows.get(number)
        if row and row.action and event == "clicked":
            self._chosen(row.action)


def _properties(row: Row, names: list[str]) -> DBusDict:
    if not row.label:
        found = {"type": Variant("s", "separator")}
    else:
        label = row.label.replace("_", "__")  # a single one marks the access key
        found = {"label": Variant("s", label), "enabled": Variant("b", bool(row.action))}
    return {name: value for name, value in found.items() if not names or name in names}


@functools.cache
def pixmap(icon: str) -> list[Any]:
    """Width, height and the pixels, ARGB32 in network order, for desktops that look at no files."""
    return [PIXELS, PIXELS, (ICON_FOLDER / f"{icon}.argb").read_bytes()]


def _escaped(words: str) -> str:
    """Tooltips may be taken for markup."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
