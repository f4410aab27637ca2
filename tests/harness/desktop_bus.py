"""A desktop's part of the session bus, for tests: shows icons, their menus and notifications, and lets a person pick.

    async with DesktopBus(address) as desktop:
        icon = await desktop.icon()              # wait for ours
        await icon.look()                        # {"IconName": "pero", "ToolTip": ...}
        await icon.menu()                        # [(number, label, enabled), ...]
        await icon.pick("Quit Pero")
        notice = await desktop.notice("A token was connected")
        desktop.press(notice, "open:certificates")

It speaks the protocols from the side of the desktop with dbus-fast's low-level messages; nothing of ours is used.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

WAIT = 30.0  # seconds
WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Shown(NamedTuple):
    number: int
    sender: str
    title: str
    body: str
    actions: dict[str, str]
    urgency: int


class DesktopBus:
    """`icons`, `notifications`: which of the two this desktop has."""

    def __init__(self, address: str, *, icons: bool = True, notifications: bool = True) -> None:
        self._address = address
        self._icons = icons
        self._notifications = notifications
        self._items: list[str] = []
        self.notices: list[Shown] = []
        self.refuse = False  # notifications are answered with an error
        self._changed = asyncio.Condition()
        self.signals: list[str] = []  # members of signals of items, in order

    async def __aenter__(self) -> DesktopBus:
        self._bus = await MessageBus(bus_address=self._address, bus_type=BusType.SESSION).connect()
        self._bus.add_message_handler(self._hear)
        if self._icons:
            await self.show_icons()
        if self._notifications:
            await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "RequestName", "su", [NOTIFICATIONS, 0])
        for rule in ("type='signal',interface='org.kde.StatusNotifierItem'",
                     "type='signal',interface='com.canonical.dbusmenu'"):  # fmt: skip
            await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "AddMatch", "s", [rule])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()

    async def show_icons(self) -> None:
        """The desktop's panel comes up."""
        await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "RequestName", "su", [WATCHER, 0])

    async def hide_icons(self) -> None:
        """The panel ends, and forgets whom it showed."""
        self._items.clear()
        await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "ReleaseName", "s", [WATCHER])

    async def icon(self) -> Icon:
        return Icon(self, await self._until(lambda: self._items[-1] if self._items else None))

    async def notice(self, title: str) -> Shown:
        """Wait for a notification."""
        return await self._until(lambda: next((one for one in self.notices if one.title == title), None))

    def press(self, notice: Shown, action: str) -> None:
        self.say("ActionInvoked", "us", [notice.number, action])

    def say(self, member: str, signature: str, body: list[Any]) -> None:
        """To everybody, as whoever shows notifications says it."""
        self._bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                path="/org/freedesktop/Notifications",
                interface=NOTIFICATIONS,
                member=member,
                signature=signature,
                body=body,
            )
        )

    async def heard(self) -> None:
        """The bus has passed on what was said."""
        await self._call("org.freedesktop.DBus", "/org/freedesktop/DBus", "GetId", "", [])

    async def until_signal(self, member: str) -> None:
        await self._until(lambda: member in self.signals)

    async def _until(self, look: Any) -> Any:
        async with asyncio.timeout(WAIT), self._changed:
            while not (found := look()):
                await self._changed.wait()
            return found

    async def _call(
        self, name: str, path: str, member: str, signature: str, body: list[Any], interface: str = ""
    ) -> Any:
        answer = await self._bus.call(
            Message(
                destination=name, path=path, interface=interface or name, member=member, signature=signature, body=body
            )
        )
        assert answer is not None
        if answer.message_type is MessageType.ERROR:
            raise AssertionError(f"{member}: {answer.error_name} {answer.body}")
        return answer.body

    def _hear(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            self.signals.append(message.member or "")
            self._tell()
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.interface == WATCHER and message.member == "RegisterStatusNotifierItem":
            self._items.append(message.sender or "")
            self._tell()
            return Message.new_method_return(message)
        if message.interface == NOTIFICATIONS and message.member == "Notify":
            if self.refuse:
                return Message.new_error(message, "org.freedesktop.DBus.Error.Failed", "no")
            _, _, _, title, body, pairs, hints, _ = message.body
            actions = dict(zip(pairs[::2], pairs[1::2], strict=True))
            number = len(self.notices) + 1
            self.notices.append(Shown(number, message.sender or "", title, body, actions, hints["urgency"].value))
            self._tell()
            return Message.new_method_return(message, "u", [number])
        return None

    def _tell(self) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._telling = asyncio.ensure_future(tell())


class Icon:
    def __init__(self, desktop: DesktopBus, name: str) -> None:
        self._desktop = desktop
        self.name = name

    async def look(self) -> dict[str, Any]:
        body = ["org.kde.StatusNotifierItem"]
        found = (await self._call("/StatusNotifierItem", "GetAll", "s", body, PROPERTIES))[0]
        return {name: value.value for name, value in found.items()}

    async def wait(self, icon: str) -> dict[str, Any]:
        """Until it shows this icon."""
        async with asyncio.timeout(WAIT):
            while (seen := await self.look())["IconName"] != icon:
                await asyncio.sleep(0.05)
        return seen

    async def menu(self) -> list[tuple[int, str, bool]]:
        """Number, words, and whether it can be picked; lines between groups are left out."""
        layout = (await self._call("/MenuBar", "GetLayout", "iias", [0, -1, []], "com.canonical.dbusmenu"))[1]
        rows = [row.value if isinstance(row, Variant) else row for row in layout[2]]
        return [
            (number, properties["label"].value, properties["enabled"].value)
            for number, properties, _ in rows
            if "label" in properties
        ]

    async def pick(self, label: str) -> None:
        number = next(number for number, words, _ in await self.menu() if words == label)
        body = [number, "clicked", Variant("s", ""), 0]
        await self._call("/MenuBar", "Event", "isvu", body, "com.canonical.dbusmenu")

    async def click(self) -> None:
        await self._call("/StatusNotifierItem", "Activate", "ii", [0, 0], "org.kde.StatusNotifierItem")

    async def _call(self, path: str, member: str, signature: str, body: list[Any], interface: str) -> Any:
        return await self._desktop._call(self.name, path, member, signature, body, interface)
