"""What the agent does for the person while no site asks: the icon beside the clock, notifications, Pero's window.

Tokens are watched by PC/SC alone here, in a thread that sleeps until something happens: tokens of modules that need no
reader are seen when somebody looks at a list of them. A token that came is looked at once, without a login.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from agent.config import Settings
from agent.consent.pause import Pause
from agent.desktop.expiry import Reminders
from agent.desktop.notices import Notices
from agent.desktop.tray.menu import Sight, Situation
from agent.desktop.tray.tray import Tray
from agent.desktop.trouble import Troubles
from agent.diagnostics.quick import QuickLook
from agent.errors import Fact, PeroError
from agent.model import KEY_FILES, Listing, TokenState
from agent.signing.expiry import Endings
from agent.signing.fitting import warnings
from agent.texts.catalogue import text
from agent.texts.visible import visible
from agent.tokens import pcsc
from agent.tokens.readers import Readers, ReaderThread

SERVICE_LOOK = 5.0  # seconds between two looks for a PC/SC service that is not there: an idle agent wakes seldom
SETTLE = 0.5  # seconds that a token has to become readable after it came

_ATTENTION = ("pin_locked", "pin_final_try")  # warnings of a token that the person is told of

_log = logging.getLogger("pero.desktop")


class Tools(NamedTuple):
    """What the attendant works with. Every callable may raise PeroError."""

    listing: Callable[[], Awaitable[Listing]]
    pause: Callable[[], Awaitable[Any]]
    resume: Callable[[], Awaitable[Any]]
    open_desk: Callable[[str, tuple[str, ...]], Awaitable[None]]
    stop: Callable[[], None]
    now: Callable[[], datetime]


class Attendant:
    def __init__(
        self,
        tools: Tools,
        pause: Pause,
        notices: Notices,
        language: str,
        environment: Mapping[str, str],
        library: Callable[[], pcsc.Library] = pcsc.Library,
    ) -> None:
        self._tools = tools
        self._pause = pause
        self._notices = notices
        self._language = language
        self._library = library
        self._readers: Readers | None = None  # None: PC/SC has not spoken yet
        self._names: dict[str, str] = {}  # what was last seen in each reader, by its label
        self._told: set[tuple[str, str]] = set()  # warnings of tokens that are in: each is told once
        self._thread: ReaderThread | None = None
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._attention = ""  # the wording of what needs the person
        self._reminders: Reminders | None = None
        self._troubles: Troubles | None = None
        self._tray = Tray(self._sight(), self._chosen, environment)

    @property
    def icon(self) -> str:
        """Where it is seen: a value of `Shown`."""
        return self._tray.shown.value

    def tell_trouble(self, look: QuickLook) -> None:
        """Before `start`: the icon shows when signing does not work."""
        self._troubles = Troubles(look, self._show)

    def speak(self, language: str) -> None:
        """Settings were changed; from now on in this language."""
        self._language = language
        if self._reminders:
            self._reminders.language = language
            self._reminders.wake()
        self._show()

    def remind_of(self, endings: Endings, settings: Callable[[], Settings]) -> None:
        """Before `start`: the person is to be told of certificates that end."""
        self._reminders = Reminders(endings, settings, self.notify, self._language)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tray.start()
        self._pause.listen(self._show)
        self._looking = asyncio.create_task(self._keep_looking())
        if self._reminders:
            self._reminders.start()
        with contextlib.suppress(OSError):  # no PC/SC on this system
            self._thread = ReaderThread(
                self._library(), lambda readers: _pass_on(loop, self._hear, readers), retry=SERVICE_LOOK
            )
            self._thread.start()

    async def close(self) -> None:
        if self._thread:
            await asyncio.to_thread(self._thread.stop)
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        if self._reminders:
            await self._reminders.close()
        if self._troubles:
            await self._troubles.close()
        await self._tray.close()

    async def notify(
        self, kind: str, facts: dict[str, Fact], actions: tuple[tuple[str, str], ...] = (), *, urgent: bool = False
    ) -> None:
        """Tell the person, and keep it. `actions`: what is done, and the key of its words."""
        shown = {name: visible(value) if isinstance(value, str) else value for name, value in facts.items()}
        taken = await self._tray.notify(
            text(f"notice.{kind}.title", self._language, **shown),
            text(f"notice.{kind}.body", self._language, **shown),
            {action: text(key, self._language) for action, key in actions},
            urgent=urgent,
        )
        self._notices.add(kind, facts, self._tools.now(), shown=taken)

    def tell(
        self, kind: str, facts: dict[str, Fact], actions: tuple[tuple[str, str], ...] = (), *, urgent: bool = False
    ) -> None:
        """As `notify`, soon."""
        self._later(self.notify(kind, facts, actions, urgent=urgent))

    # What the person sees

    def _sight(self) -> Sight:
        tokens = sum(state.present for state in (self._readers or {}).values())
        why = self._attention
        if self._pause.active:
            situation = Situation.PAUSED
        elif self._troubles and (trouble := self._troubles.words(self._language)):
            situation, why = Situation.TROUBLE, trouble
        elif self._attention:
            situation = Situation.ATTENTION
        else:
            situation = Situation.TOKEN if tokens else Situation.READY
        return Sight(self._language, situation, tokens, why)

    def _show(self) -> None:
        self._tray.show(self._sight())

    # What the person does

    async def _chosen(self, action: str) -> None:
        verb, _, page = action.partition(":")
        try:
            if verb == "open":
                await self._tools.open_desk(page, ())
            elif verb == "pause":
                await self._tools.pause()
            elif verb == "resume":
                await self._tools.resume()
            elif verb == "quit":
                self._tools.stop()
        except PeroError as error:
            _log.warning("action_failed action=%s error=%s", verb, error.name)

    # What happens to tokens

    def _hear(self, readers: Readers | None) -> None:
        """The readers of this moment; None where the service is gone."""
        before, now = self._readers, readers or {}
        self._readers = now
        if before is not None and readers is None and self._troubles:
            self._troubles.look()  # the service is gone
        if before is None:
            if any(state.present for state in now.values()):
                self._changed.set()
        else:
            for name, state in before.items():
                if state.present and not (name in now and now[name].present and now[name].events == state.events):
                    self._gone(name)
            if any(state.present and name not in self._names for name, state in now.items()):
                self._changed.set()
        self._show()

    def _gone(self, reader: str) -> None:
        name = self._names.pop(reader, "")
        self._told = {(place, warning) for place, warning in self._told if place != reader}
        if not any(place in self._names for place, _ in self._told):
            self._attention = ""
        if name:
            self._later(self.notify("token_removed", {"token": name}))

    async def _keep_looking(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(SETTLE)
            self._changed.clear()
            try:
                listing = await self._tools.listing()
            except PeroError as error:
                _log.warning("look_failed error=%s", error.name)
                continue
            await self._seen(listing)

    async def _seen(self, listing: Listing) -> None:
        tokens = {token.reader: token for token in listing.tokens if token.module != KEY_FILES}
        present = [name for name, state in (self._readers or {}).items() if state.present]
        for reader in present:
            token = tokens.get(reader)
            if token is None:
                if self._troubles:  # no module reads it: what is wrong with it is the doctor's
                    self._troubles.look()
                continue
            label = token.label or token.model or text("notice.token_without_name", self._language)
            if self._names.get(reader) != label:
                self._names[reader] = label
                actions = (("open:certificates", "notice.action.certificates"),)
                await self.notify("token_inserted", {"token": label}, actions)
            await self._warn(reader, label, token)
        self._show()

    async def _warn(self, reader: str, label: str, token: TokenState) -> None:
        for warning in warnings(token):
            if warning not in _ATTENTION or (reader, warning) in self._told:
                continue
            self._told.add((reader, warning))
            self._attention = text(f"notice.{warning}.body", self._language, token=visible(label))
            actions = (("open:certificates", "notice.action.unblock"),) if warning == "pin_locked" else ()
            await self.notify(warning, {"token": label}, actions, urgent=True)

    def _later(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _pass_on(loop: asyncio.AbstractEventLoop, told: Callable[[Readers | None], None], readers: Readers | None) -> None:
    """From the thread to the loop, which may have been closed meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(told, readers)
