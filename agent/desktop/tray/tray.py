"""The tray as a task of the agent: keeps the icon up while there is somewhere to show it, and tells what is picked."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from agent.desktop.tray.menu import Sight

if TYPE_CHECKING:
    from agent.desktop.tray.bus import SessionBus

RETRY = 30.0  # seconds between two looks for a session bus
SETTLE = 3.0  # seconds that a desktop may take to say that it shows icons, before another way is tried

_log = logging.getLogger("pero.tray")


class Way(Protocol):
    """A way in which a desktop shows us: the session bus, or an icon in a process of its own."""

    def show(self, sight: Sight) -> None: ...

    async def ended(self) -> None: ...

    async def close(self) -> None: ...


class Tray:
    """`chosen` does what the person picks: "open:PAGE", "pause", "resume", "quit", or an action of a notification.

    `environment` names the display and the session bus. Nothing raises: a desktop without a place for icons, or
    without notifications, is one on which nothing of it is seen.
    """

    def __init__(
        self, sight: Sight, chosen: Callable[[str], Coroutine[Any, Any, None]], environment: Mapping[str, str]
    ) -> None:
        self._sight = sight
        self._chosen = chosen
        self._environment = environment
        self._bus: SessionBus | None = None
        self._icon: Way | None = None
        self._running: asyncio.Task[None] | None = None
        self._doing: set[asyncio.Task[None]] = set()
        self._bus_tried = asyncio.Event()

    @property
    def shown(self) -> bool:
        """Whether somebody shows the icon."""
        return bool((self._bus and self._bus.shown) or self._icon)

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(_report)

    async def close(self) -> None:
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._icon:
            await self._icon.close()
            self._icon = None
        for task in list(self._doing):
            task.cancel()

    def show(self, sight: Sight) -> None:
        if sight == self._sight:
            return
        self._sight = sight
        for way in (self._bus, self._icon):
            if way:
                way.show(sight)

    async def notify(self, title: str, body: str, actions: Mapping[str, str], *, urgent: bool = False) -> bool:
        """Whether the desktop took it."""
        from agent.desktop.tray.bus import BusFailed

        await self._bus_tried.wait()
        if self._bus is None:
            return False
        try:
            await self._bus.notify(title, body, actions, icon=self._sight.icon, urgent=urgent)
        except BusFailed as error:
            _log.warning("notification_failed reason=%s", error)
            return False
        return True

    async def _run(self) -> None:
        while True:
            address = self._environment.get("DBUS_SESSION_BUS_ADDRESS", "")
            if address and sys.platform == "linux":
                await self._on_bus(address)
            self._bus_tried.set()
            if not self._environment.get("DBUS_SESSION_BUS_ADDRESS"):
                await self._on_display()
                return
            await asyncio.sleep(RETRY)

    async def _on_bus(self, address: str) -> None:
        """Until the bus is gone."""
        from agent.desktop.tray.bus import BusFailed, SessionBus

        try:
            bus = self._bus = await SessionBus.connect(address, self._sight, self._choose)
        except BusFailed as error:
            _log.warning("no_session_bus reason=%s", error)
            return
        bus.show(self._sight)
        self._bus_tried.set()
        fallback = asyncio.create_task(self._when_nobody_shows_it())
        try:
            await bus.ended()
            _log.warning("session_bus_gone")
        finally:
            fallback.cancel()
            self._bus = None
            await bus.close()

    async def _when_nobody_shows_it(self) -> None:
        """A bare X11 desktop has no place for items, but may have one for the icons of old."""
        await asyncio.sleep(SETTLE)
        if self._bus and not self._bus.shown and not self._icon:
            await self._on_display()

    async def _on_display(self) -> None:
        from agent.desktop.tray.icon_process import open_icon

        self._icon = await open_icon(self._sight, self._choose, self._environment)
        if self._icon:
            self._icon.show(self._sight)

    def _choose(self, action: str) -> None:
        task = asyncio.create_task(self._chosen(action))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)


def _report(task: asyncio.Task[None]) -> None:
    """A fault of ours costs the icon, and is told to the log."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("tray_ended", exc_info=task.exception())
