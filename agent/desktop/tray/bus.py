"""The session bus as the tray needs it: our icon on it, told to whoever shows icons when they come; notifications.

Nothing of it is needed for signing: a bus that is absent, refuses or goes away costs the icon and notifications, and
is tried again when the session has one. No call waits longer than DEADLINE.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from agent.desktop.tray.menu import Sight
from agent.desktop.tray.status_item import ICON_FOLDER, ITEM_PATH, MENU_PATH, Chosen, Menu, StatusItem

DEADLINE = 5.0  # seconds for an answer of the bus or of somebody on it
WATCHER = "org.kde.StatusNotifierWatcher"
_WATCHER_PATH = "/StatusNotifierWatcher"
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
NOTIFICATIONS = "org.freedesktop.Notifications"
_NOTIFICATIONS_PATH = "/org/freedesktop/Notifications"
_NAME = f"org.kde.StatusNotifierItem-{os.getpid()}-1"  # the form that the specification asks for
_STAYS = 0  # milliseconds: until it is dismissed
_SHORT = -1  # as the desktop likes
_SAID = {"ActionInvoked": "us", "NotificationClosed": "uu"}  # of a notification, and with what

_log = logging.getLogger("pero.tray")


class BusFailed(Exception):
    """The bus or somebody on it did not do as asked; `reason` is for the log."""


class SessionBus:
    """A connection. `chosen` hears actions of the menu and of notifications; `changed` is called when `shown` does."""

    def __init__(self, bus: MessageBus, sight: Sight, chosen: Chosen, changed: Callable[[], None]) -> None:
        self._bus = bus
        self._chosen = chosen
        self._item = StatusItem(sight, chosen)
        self._menu = Menu(sight, chosen)
        self._told: dict[tuple[str, int], tuple[str, ...]] = {}  # what may be picked, by who shows it and its number
        self._registering: asyncio.Future[None] | None = None
        self.shown = False  # somebody shows our icon
        self._changed = changed

    @classmethod
    async def connect(cls, address: str, sight: Sight, chosen: Chosen, changed: Callable[[], None]) -> SessionBus:
        """Raises BusFailed."""
        bus = MessageBus(bus_address=address, bus_type=BusType.SESSION)
        try:
            async with asyncio.timeout(DEADLINE):
                await bus.connect()
                session = cls(bus, sight, chosen, changed)
                await session._begin()
        except BaseException as error:
            bus.disconnect()
            if isinstance(error, OSError | EOFError | DBusError | TimeoutError | ValueError | BusFailed):
                raise BusFailed(str(error) or type(error).__name__) from error
            raise
        return session

    async def ended(self) -> None:
        """Wait until the bus is gone."""
        with contextlib.suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    def show(self, sight: Sight) -> None:
        self._item.show(sight)
        self._menu.show(sight)

    async def notify(self, title: str, body: str, actions: Mapping[str, str], *, icon: str, urgent: bool) -> int:
        """Show a notification; its number. `actions`: what `chosen` is told, and the words of its button; the first
        is also what a click on the notification does. Raises BusFailed."""
        pairs = [part for pair in actions.items() for part in pair]
        if pairs:
            pairs = ["default", pairs[1], *pairs]
        hints = {"urgency": Variant("y", 2 if urgent else 1), "desktop-entry": Variant("s", "pero")}
        body = body.replace("&", "&amp;").replace("<", "&lt;")  # a body may be taken for markup
        picture = str(ICON_FOLDER / f"{icon}.png")
        rest: list[Any] = ["Pero", 0, picture, title, body, pairs, hints, _STAYS if urgent else _SHORT]
        answer = await self._asked(NOTIFICATIONS, _NOTIFICATIONS_PATH, NOTIFICATIONS, "Notify", "susssasa{sv}i", rest)
        if answer.signature != "u":
            raise BusFailed("no number")
        number = int(answer.body[0])
        self._told[answer.sender or "", number] = tuple(actions)
        return number

    async def close(self) -> None:
        self._bus.disconnect()
        await self.ended()

    async def _begin(self) -> None:
        self._bus.export(ITEM_PATH, self._item)
        self._bus.export(MENU_PATH, self._menu)
        self._bus.add_message_handler(self._heard)
        for rule in (
            f"type='signal',sender='{_BUS[0]}',member='NameOwnerChanged',arg0='{WATCHER}'",
            f"type='signal',interface='{NOTIFICATIONS}'",
        ):
            await self._call(*_BUS, "AddMatch", "s", [rule])
        await self._call(*_BUS, "RequestName", "su", [_NAME, 0])
        await self._register()

    async def _register(self) -> None:
        """Tell whoever collects icons; nobody there is nothing wrong, they may come later."""
        try:
            await self._call(WATCHER, _WATCHER_PATH, WATCHER, "RegisterStatusNotifierItem", "s", [_NAME])
        except BusFailed:
            self.shown = False
        else:
            self.shown = True
        self._changed()

    def _heard(self, message: Message) -> bool | None:
        if message.message_type is not MessageType.SIGNAL:
            return None
        if message.member == "NameOwnerChanged" and message.sender == _BUS[0]:
            if message.body[2]:
                self._registering = asyncio.ensure_future(self._register())
            else:
                self.shown = False
                self._changed()
        elif message.interface == NOTIFICATIONS and message.signature == _SAID.get(message.member or ""):
            self._notification_said(message)
        return None

    def _notification_said(self, message: Message) -> None:
        """Whoever shows it is believed about it, and nobody else: every program on the bus can send such signals."""
        actions = self._told.pop((message.sender or "", message.body[0]), ())
        if message.member != "ActionInvoked" or not actions:
            return
        action = actions[0] if message.body[1] == "default" else message.body[1]
        if action in actions:
            self._chosen(action)

    async def _call(
        self, name: str, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        return list((await self._asked(name, path, interface, member, signature, body)).body)

    async def _asked(
        self, name: str, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> Message:
        message = Message(
            destination=name, path=path, interface=interface, member=member, signature=signature, body=body
        )
        try:
            async with asyncio.timeout(DEADLINE):
                answer = await self._bus.call(message)
        except (OSError, EOFError, DBusError, TimeoutError) as error:
            raise BusFailed(str(error) or type(error).__name__) from error
        if answer is None or answer.message_type is MessageType.ERROR:
            raise BusFailed(answer.error_name if answer and answer.error_name else "no answer")
        return answer
