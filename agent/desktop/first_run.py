"""The guide comes up by itself once: when an agent with a desktop starts where nobody has used Pero yet.

It is remembered when the guide was shown, not when it was gone through: closed half-way, it does not come again by
itself. It can always be had: `pero guide`, Pero's window, its settings.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from agent.config import Locations, write_private
from agent.errors import PeroError

PAGE = "guide"

_log = logging.getLogger("pero.desktop")


class FirstRun:
    """`open_desk` shows a page of Pero's window. `environment` names the display."""

    def __init__(
        self,
        places: Locations,
        environment: Mapping[str, str],
        open_desk: Callable[[str, tuple[str, ...]], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._places = places
        self._environment = environment
        self._open_desk = open_desk
        self._now = now
        self._showing: asyncio.Task[None] | None = None

    @property
    def due(self) -> bool:
        """Whether the guide was never shown, and nothing is there that a person sets or brings."""
        used = (self._places.guide, self._places.settings, self._places.origins, self._places.key_files)
        return not any(path.exists() for path in used) and self._has_display()

    def start(self) -> None:
        """Show the guide if it is due, soon."""
        if self.due:
            self._showing = asyncio.create_task(self._show())

    async def close(self) -> None:
        if self._showing is not None:
            self._showing.cancel()
            await asyncio.wait([self._showing])

    async def _show(self) -> None:
        try:
            await self._open_desk(PAGE, ())
            write_private(self._places.guide, f"{self._now():%Y-%m-%dT%H:%M:%SZ}\n".encode("ascii"))
        except PeroError as error:  # without a window nobody was bothered: the next start tries again
            _log.warning("guide_not_shown error=%s", error.name)

    def _has_display(self) -> bool:
        shown = ("DISPLAY", "WAYLAND_DISPLAY")
        return sys.platform != "linux" or any(self._environment.get(name) for name in shown)
