"""The composition root: the only place that builds and wires objects. An agent with its transports, or the same
objects without them, for a command where none runs (``session``)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import logging.handlers
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from agent.api.caller import Caller, Role
from agent.api.dispatcher import Dispatcher
from agent.api.method import Nothing
from agent.api.methods import pause, resume
from agent.api.services import Services
from agent.api.uploads import Uploads
from agent.care.passphrases import Passphrases
from agent.config import LOOPBACK_PORTS, VERSION, Locations, Settings, load_settings, locations, secure_folder
from agent.consent.origins import Origins, utc_now
from agent.consent.pause import Pause
from agent.consent.prompter import Prompter
from agent.consent.unattended import CommandPrompter
from agent.desktop.attendant import Attendant, Tools
from agent.desktop.desk_process import DeskProcess
from agent.desktop.first_run import FirstRun
from agent.desktop.notices import Notices
from agent.desktop.passphrase_reminders import PassphraseReminders
from agent.desktop.window_prompter import WindowPrompter
from agent.diagnostics.quick import QuickLook
from agent.errors import (
    Fact,
    FileUnwritable,
    PeroError,
    PortsTaken,
    SettingsDamaged,
    from_name,
)
from agent.ipc.hardening import harden
from agent.ipc.lock import alone
from agent.journal import Journal, system_log
from agent.model import Listing
from agent.policy import Policy, load_policy, this_user
from agent.records.keeping import Keeper, archive_folder
from agent.signing.expiry import Endings
from agent.signing.levels import Levels
from agent.signing.managing import Managing
from agent.signing.procedure import Signing
from agent.signing.queue import PersonQueue
from agent.texts.catalogue import language_of
from agent.timestamp.client import TimestampClient
from agent.timestamp.reach import check_reachable
from agent.tokens.pool import TokenPool
from agent.tokens.vendors import find_modules
from agent.transport.client import encode_request
from agent.trust.anchors import read_anchors
from agent.trust.material import MaterialClient
from agent.trust.path import path_problem
from agent.trust.states import States

if TYPE_CHECKING:
    from agent.diagnostics.probe import Probe
    from agent.transport.loopback import Loopback

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

DRAIN_SECONDS = 5.0  # for requests in flight to be told that the agent stops
_LOG_SIZE = 1 << 20  # bytes, of which one older file is kept

_log = logging.getLogger("pero.app")


class Composition:
    """The objects of one state folder, under its lock. `prompter` is the window unless somebody hands in another."""

    def __init__(
        self,
        environment: Mapping[str, str],
        places: Locations,
        *,
        prompter: Prompter | None = None,
        now: Callable[[], datetime] = utc_now,
        policy: Policy | None = None,
        queue: PersonQueue | None = None,
    ) -> None:
        self.policy = load_policy() if policy is None else policy
        settings = self.policy.over(load_settings(places.settings))
        self.language = language_of(environment, settings.language)
        self._windows = WindowPrompter(environment)
        self.prompter: Prompter = self._windows if prompter is None else prompter
        self.journal = Journal(places.journal, now, system_log())
        self.tokens = TokenPool(
            lambda: find_modules(_added_modules(places, self.policy)),
            places.key_files,
            issuers=places.issuers,
            unfinished=places.unfinished_keys,
            policy=self.policy,
        )

        def current() -> Settings:
            return self.policy.over(load_settings(places.settings))

        self.settings = current
        self.endings = Endings(places.endings, now)
        self.tokens.heard = lambda listing: _soon(self.endings.saw, listing)
        self.timestamps = TimestampClient(current, environment, now, path_problem, read_anchors)
        states = States(places.states, now)
        self.material = MaterialClient(current, environment, now, states)
        levels = Levels(self.timestamps, self.material, lambda: check_reachable(current(), environment))
        paused = Pause(places.pause)
        queue = queue or PersonQueue(pause=paused)
        self.port: int | None = None
        self.services = Services(
            version=VERSION,
            locations=places,
            language=self.language,
            policy=self.policy,
            origins=Origins(places.origins),
            journal=self.journal,
            tokens=self.tokens,
            queue=queue,
            pause=paused,
            managing=Managing(self.tokens.management, self.journal, queue),
            signing=Signing(self.tokens, self.journal, queue, now, levels),
            uploads=Uploads(places.uploads, limit=settings.upload_bytes),
            now=now,
            port=lambda: self.port,
            notices=lambda: [msgspec.structs.asdict(notice) for notice in Notices(places.notices).all()],
            endings=self.endings.all,
            environment=environment,
            rights=self.policy.rights.of(*this_user()),
            states=states,
            ask_state=self._ask_state,
            applied=self.apply,
            expect_person=self._windows.expect,
        )
        self.services.signing.change_pin = self.services.managing.change_pin
        self.services.signing.default_certificate = self.services.origins.certificate
        self.services.managing.follow_ups = self.services.signing.follow_ups
        self.dispatcher = Dispatcher(self.services)
        self._environment = environment
        self.told_of_settings: list[Callable[[Settings], None]] = []  # called after each change

    def apply(self, settings: Settings) -> None:
        """Settings that were changed; what is not kept anywhere is read anew when it is needed."""
        settings = self.policy.over(settings)
        self.language = self.services.language = language_of(self._environment, settings.language)
        self.services.uploads.limit = settings.upload_bytes
        for told in self.told_of_settings:
            told(settings)

    async def _ask_state(self, certificate: bytes, known: Sequence[bytes]) -> None:
        await self.material.material(certificate, known, ())

    def look_quickly(self) -> None:
        """From now on failed requests of pages are explained, and the extension may ask how the machine is."""
        self.services.quick_look = QuickLook(self._machine)

    def _machine(self) -> AbstractAsyncContextManager[Probe]:
        """The machine as this agent sees it."""
        from agent.diagnostics.probe import Machine

        @asynccontextmanager
        async def session() -> AsyncIterator[Call]:  # several at a time, each with ids of its own
            yield calling(self.dispatcher, Caller(Role.COMMAND, "", "in_process", self.prompter))

        return Machine(self.services.locations, self._environment, session, VERSION)

    async def close(self) -> None:
        await self.services.signing.follow_ups.close()
        await self._windows.close()
        await self.services.quick_look.close()
        self.services.uploads.close()
        await self.tokens.close()
        self.services.index.close()
        self.journal.close()


def _added_modules(places: Locations, policy: Policy) -> tuple[str, ...]:
    """The person's own modules; a settings file that was damaged while we run costs these, and nothing else."""
    try:
        return policy.over(load_settings(places.settings)).modules
    except SettingsDamaged:
        _log.error("settings_damaged")
        return ()


def _soon(told: Callable[[Listing], None], listing: Listing) -> None:
    """After those who wait for the listing have it."""
    asyncio.get_running_loop().call_soon(told, listing)


class Agent:
    """A composition with its transports; on the desktop that `desktop` (an environment) names, also with an icon,
    notifications and Pero's window."""

    def __init__(
        self,
        composition: Composition,
        *,
        ports: tuple[int, ...] | None = None,
        desktop: Mapping[str, str] | None = None,
    ) -> None:
        from agent.transport.local_socket import LocalSocket
        from agent.transport.loopback_door import LoopbackDoor
        from agent.transport.sessions import Sessions

        self._composition = composition
        sessions = Sessions(
            composition.dispatcher,
            window=composition.prompter,
            command_prompter=CommandPrompter,
            allow_unattended=composition.policy.allow_unattended,
            version=VERSION,
            language=composition.language,
        )
        self._local = LocalSocket(composition.services.locations.socket, sessions.serve)
        self._loopback = LoopbackDoor(lambda: _loopback(composition), ports or LOOPBACK_PORTS)
        self._desk = DeskProcess(sessions.serve, os.environ if desktop is None else desktop)
        sessions.adopt = self._desk.adopt
        composition.services.open_desk = self._desk.open
        self._attendant = None if desktop is None else _attendant(composition, desktop)
        self._first_run = None if desktop is None else _first_run(composition, desktop)
        self._keeper = _keeper(composition, self._tell)
        self._passphrases = _passphrases(composition, self._attendant) if self._attendant else None

    async def start(self) -> None:
        """Raises StateUnsafe, FileUnwritable. Loopback ports that are all taken cost the loopback way only."""
        if self._composition.policy.allow_loopback:
            try:
                await self._loopback.listen()
            except PortsTaken as error:
                _log.error("ports_taken ports=%s", error.facts["ports"])
        try:
            self._local.listen()
        except PeroError:
            await self._loopback.close()
            raise
        self._composition.port = self._loopback.port
        if self._attendant is not None:
            self._attendant.start()
        if self._first_run is not None:
            self._first_run.start()
        if self._passphrases is not None:
            self._passphrases.start()
        _hear_damage(self._composition.journal, self._tell)
        self._keeper.start()
        _log.info("started version=%s pid=%d port=%s", VERSION, os.getpid(), self._loopback.port)

    def _tell(self, kind: str, facts: dict[str, Fact]) -> None:
        """Something about the journal, to the person."""
        if self._attendant is not None:
            self._attendant.tell(kind, facts, (("open:journal", "notice.action.journal"),), urgent=True)

    async def stop(self) -> None:
        """Tell the requests in flight, then close everything."""
        self._composition.dispatcher.stop()
        await self._composition.dispatcher.drained(DRAIN_SECONDS)
        await self._keeper.close()
        if self._passphrases is not None:
            await self._passphrases.close()
        if self._attendant is not None:
            await self._attendant.close()
        if self._first_run is not None:
            await self._first_run.close()
        await self._desk.close()
        await self._local.close()
        await self._loopback.close()
        await self._composition.close()
        _log.info("stopped")


def _loopback(composition: Composition) -> Loopback:
    from agent.transport.loopback import Loopback
    from agent.transport.upload import HttpUploads

    return Loopback(composition.dispatcher, composition.prompter, uploads=HttpUploads(composition.services.uploads))


def _keeper(composition: Composition, tell: Callable[[str, dict[str, Fact]], None]) -> Keeper:
    services = composition.services
    return Keeper(
        composition.journal,
        services.index,
        composition.policy.journal_days,
        archive_folder(composition.policy, services.locations),
        services.now,
        tell,
    )


def _passphrases(composition: Composition, attendant: Attendant) -> PassphraseReminders:
    places, now = composition.services.locations, composition.services.now
    ages = Passphrases(places.passphrase_reminders, places.key_files, now)
    reminders = PassphraseReminders(ages, composition.settings, attendant.notify, composition.journal)
    composition.told_of_settings.append(lambda _: reminders.wake())
    return reminders


def _hear_damage(journal: Journal, tell: Callable[[str, dict[str, Fact]], None]) -> None:
    """The journal tells in whatever thread finds the damage."""
    loop = asyncio.get_running_loop()

    def hear(kept_as: str) -> None:
        if not loop.is_closed():
            facts: dict[str, Fact] = {"kept_as": kept_as}
            loop.call_soon_threadsafe(tell, "journal_damaged", facts)

    journal.listen(hear)


def _first_run(composition: Composition, desktop: Mapping[str, str]) -> FirstRun:
    services = composition.services
    return FirstRun(services.locations, desktop, lambda page, files: services.open_desk(page, files), services.now)


def _attendant(composition: Composition, desktop: Mapping[str, str]) -> Attendant:
    services = composition.services
    caller = Caller(Role.COMMAND, "", "in_process", composition.prompter)
    tools = Tools(
        listing=services.tokens.listing,
        pause=lambda: pause.METHOD.handle(services, caller, Nothing()),
        resume=lambda: resume.METHOD.handle(services, caller, Nothing()),
        open_desk=lambda page, files: services.open_desk(page, files),
        stop=lambda: services.stop(),
        now=services.now,
    )
    attendant = Attendant(tools, services.pause, Notices(services.locations.notices), services.language, desktop)
    attendant.remind_of(composition.endings, composition.settings)
    attendant.tell_trouble(services.quick_look)
    composition.told_of_settings.append(lambda _: attendant.speak(composition.language))
    services.icon = lambda: attendant.icon
    return attendant


def run(environment: Mapping[str, str], started: Callable[[int | None], None] = lambda port: None) -> None:
    """`pero run`: an agent until SIGTERM or Ctrl-C. `started` is told the loopback port.

    Raises AlreadyRunning, StateUnsafe, SettingsDamaged, FileUnwritable.
    """
    harden(secret=True)
    places = locations(environment)
    secure_folder(places.state)
    with alone(places.lock):
        _log_to(places)
        asyncio.run(_run(Composition(environment, places), environment, started))


async def _run(composition: Composition, environment: Mapping[str, str], started: Callable[[int | None], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C comes as KeyboardInterrupt
            loop.add_signal_handler(number, stop.set)
    composition.services.stop = stop.set
    composition.look_quickly()
    agent = Agent(composition, desktop=environment)
    await agent.start()
    started(composition.port)
    try:
        await stop.wait()
    finally:
        await agent.stop()


def calling(dispatcher: Dispatcher, caller: Caller) -> Call:
    """Calls of a caller in this process. What a method raises comes out."""
    identifiers = itertools.count(1)

    async def call(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        request = encode_request(next(identifiers), method, parameters)
        answer = json.loads(await dispatcher.handle(caller, request))
        if "error" in answer:
            raise from_name(answer["error"]["data"]["name"], answer["error"]["data"]["facts"])
        result: dict[str, Any] = answer["result"]
        return result

    return call


def _log_to(places: Locations) -> None:
    """The log: events with keys, never content; 0600, two files of one megabyte at most."""
    previous = os.umask(0o077)
    try:
        handler = logging.handlers.RotatingFileHandler(places.log, maxBytes=_LOG_SIZE, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise FileUnwritable(path=str(places.log), reason=error.strerror or "unwritable") from error
    finally:
        os.umask(previous)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger("pero").setLevel(logging.INFO)
