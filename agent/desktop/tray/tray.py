"""The tray as a task of the agent: keeps the icon up while there is somewhere to show it, and tells what is picked.

Two ways, each kept up by a task of its own: the session bus, and an icon that another process draws (`icon_process`)
where nobody shows us over the bus. A bus or display that goes away is waited for; both may come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from agent.desktop.tray.icon_process import IconProcess, display_stands, open_icon
from agent.desktop.tray.menu import Sight

if TYPE_CHECKING:
    from agent.desktop.tray.bus import SessionBus

RETRY = 30.0  # seconds between two looks for a session bus, or for a display
PATIENCE = 600.0  # seconds, at most, between two icons that end at once
SETTLE = 3.0  # seconds that a desktop may take to say that it shows icons, before another way is tried

_log = logging.getLogger("pero.tray")


class Shown(enum.StrEnum):
    """Where the icon is seen."""

    BUS = "bus"
    DISPLAY = "display"
    NOWHERE = "nowhere"  # there is a display, but nobody on it shows icons
    NO_DISPLAY = "no_display"


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
        self._address = environment.get("DBUS_SESSION_BUS_ADDRESS", "") if sys.platform == "linux" else ""
        self._bus: SessionBus | None = None
        self._icon: IconProcess | None = None
        self._running: list[asyncio.Task[None]] = []
        self._doing: set[asyncio.Task[None]] = set()
        self._bus_tried = asyncio.Event()
        self._changed = asyncio.Event()  # who shows us

    @property
    def shown(self) -> Shown:
        if self._on_the_bus:
            return Shown.BUS
        if self._icon is not None and self._icon.shown:
            return Shown.DISPLAY
        there = display_stands(self._environment) or bool(self._environment.get("WAYLAND_DISPLAY"))
        return Shown.NOWHERE if there else Shown.NO_DISPLAY

    def start(self) -> None:
        for keeping in (self._keep_bus(), self._keep_icon()):
            task = asyncio.create_task(keeping)
            task.add_done_callback(_report)
            self._running.append(task)

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
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
        await self._bus_tried.wait()
        if self._bus is None:
            return self._icon is not None and self._icon.notify(title, body)
        from agent.desktop.tray.bus import BusFailed

        try:
            await self._bus.notify(title, body, actions, icon=self._sight.icon, urgent=urgent)
        except BusFailed as error:
            _log.warning("notification_failed reason=%s", error)
            return False
        return True

    @property
    def _on_the_bus(self) -> bool:
        return self._bus is not None and self._bus.shown

    async def _keep_bus(self) -> None:
        while self._address:
            await self._on_bus()
            self._bus_tried.set()
            await asyncio.sleep(RETRY)
        self._bus_tried.set()

    async def _on_bus(self) -> None:
        """Until the bus is gone."""
        from agent.desktop.tray.bus import BusFailed, SessionBus

        try:
            bus = self._bus = await SessionBus.connect(self._address, self._sight, self._choose, self._changed.set)
        except BusFailed as error:
            _log.warning("no_session_bus reason=%s", error)
            return
        bus.show(self._sight)
        self._changed.set()
        self._bus_tried.set()
        try:
            await bus.ended()
            _log.warning("session_bus_gone")
        finally:
            self._bus = None
            self._changed.set()
            await bus.close()

    async def _keep_icon(self) -> None:
        """While nobody shows us over the bus: a bare X11 desktop has no place for items, but may have one for the icons
        of old."""
        pause = RETRY
        while True:
            await self._until(lambda: not self._on_the_bus)
            if self._address:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE):
                        await self._until(lambda: self._on_the_bus)
                if self._on_the_bus:
                    continue
            if not display_stands(self._environment):
                await asyncio.sleep(RETRY)
                continue
            failed = await self._on_display()
            if failed:
                await asyncio.sleep(pause)
            pause = min(2 * pause, PATIENCE) if failed else RETRY

    async def _on_display(self) -> bool:
        """Until the bus shows us, or the display is gone. Whether the process failed."""
        icon = self._icon = await open_icon(self._sight, self._choose, self._changed.set, self._environment)
        if icon is None:
            return True
        ended = asyncio.create_task(icon.ended())
        elsewhere = asyncio.create_task(self._until(lambda: self._on_the_bus))
        try:
            icon.show(self._sight)
            await asyncio.wait({ended, elsewhere}, return_when=asyncio.FIRST_COMPLETED)
            return ended.done() and ended.result() != 0
        finally:
            ended.cancel()
            elsewhere.cancel()
            self._icon = None
            await icon.close()

    async def _until(self, wanted: Callable[[], bool]) -> None:
        """Wait for news of who shows us."""
        while not wanted():
            self._changed.clear()
            await self._changed.wait()

    def _choose(self, action: str) -> None:
        task = asyncio.create_task(self._chosen(action))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)


def _report(task: asyncio.Task[None]) -> None:
    """A fault of ours costs the icon, and is told to the log."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("tray_ended", exc_info=task.exception())
