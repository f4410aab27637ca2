"""A machine as checks see it, on which all is well until a test breaks something."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.config import Settings
from agent.diagnostics.probes.cards import Cards, View
from agent.diagnostics.probes.drivers import Drivers, LinuxDrivers
from agent.diagnostics.probes.journal import Journal, Said
from agent.diagnostics.probes.logins import LinuxLogins, Logins
from agent.diagnostics.probes.pac import Scripts
from agent.diagnostics.probes.policies import LinuxPolicies, Policies
from agent.diagnostics.probes.ports import Listener
from agent.diagnostics.probes.products import LinuxProducts, Products
from agent.diagnostics.probes.profiles import LinuxProfiles, Profiles
from agent.diagnostics.probes.rights import Room
from agent.diagnostics.probes.system import LinuxSystem, System
from agent.diagnostics.probes.usb import LinuxUsb, Usb
from native_host.manifests import BROWSERS, Browser, content
from tests.harness.diagnosed_network import FakeClock, FakeHost, FakeNetwork, FakeScripts, FakeTrust, sources

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOWHERE = Path("/nowhere")  # nothing is known of this machine
LAUNCHER = Path("/state/native-host")
PORT = 14741
PID = 4711
CHROMIUM = next(browser for browser in BROWSERS if browser.name == "chromium")
FIREFOX = next(browser for browser in BROWSERS if browser.name == "firefox")
PLACES = {"chromium": Path("/home/chromium.json"), "firefox": Path("/home/firefox.json")}


class FakeCards:
    def __init__(self, view: View) -> None:
        self.seen = view

    async def view(self) -> View:
        return self.seen


class FakeJournal:
    def __init__(self, *said: Said) -> None:
        self.said = frozenset(said)

    async def service(self) -> frozenset[Said]:
        return self.said

    async def kernel(self) -> frozenset[Said]:
        return self.said


class Fake:
    """A machine on which all is well, until a test breaks something."""

    def __init__(self) -> None:
        self.version = "0.1.0"
        self.usb: Usb = LinuxUsb(NOWHERE)
        self.cards: Cards = FakeCards(View("running"))
        self.system: System = LinuxSystem({}, NOWHERE)
        self.drivers: Drivers = LinuxDrivers(NOWHERE)
        self.journal: Journal = FakeJournal()
        self.logins: Logins = LinuxLogins({}, NOWHERE)
        self.policies: Policies = LinuxPolicies(NOWHERE, user=1000)
        self.products: Products = LinuxProducts(NOWHERE)
        self.seconds = 0.2
        self.open_to_others: list[tuple[Path, int]] = []
        self.free: Room = "room"
        self.running = True
        self.state: dict[str, Any] = {"version": "0.1.0", "protocol": 1, "pid": PID, "port": PORT, "state": "/state"}
        self.known_modules: list[dict[str, Any]] = [module()]
        self.certificates: list[dict[str, Any]] = [certificate()]
        self.tokens: list[dict[str, Any]] = [token()]
        self.faults: list[dict[str, Any]] = []
        self.found: list[Browser] = [CHROMIUM, FIREFOX]
        self.files: dict[Path, bytes | OSError] = {
            PLACES[browser.name]: json.dumps(content(browser.family, LAUNCHER)).encode() for browser in self.found
        }
        self.files[LAUNCHER] = self.launcher_content()
        self.programs = {LAUNCHER}
        self.listening: list[Listener] | None = [Listener("127.0.0.1", 1000, 55), Listener("::1", 1000, 56)]
        self.sockets = {PID: {55, 56, 57}}
        self.holders: dict[int, str] = {}
        self.pages_allowed = True
        self.reachable = True
        self.clock = FakeClock()
        self.network = FakeNetwork()
        self.trust = FakeTrust()
        self.profiles: Profiles = LinuxProfiles(NOWHERE, NOWHERE, lambda _: None)
        self.host = FakeHost()
        self.scripts: Scripts = FakeScripts()
        self.set = Settings()
        self.called: list[str] = []

    @property
    def offset(self) -> float | None:
        """True time minus the machine's, as three sources tell it; None: nobody does."""
        return self.clock.told[0].offset if self.clock.told else None

    @offset.setter
    def offset(self, value: float | None) -> None:
        self.clock.told = [] if value is None else sources(value)

    def settings(self) -> Settings:
        return self.set

    def now(self) -> datetime:
        return NOON

    async def agent_answers(self) -> bool:
        return self.running

    async def status(self) -> dict[str, Any]:
        self.called.append("status")
        return self.state

    async def modules(self) -> list[dict[str, Any]]:
        return self.known_modules

    async def listing(self) -> dict[str, Any]:
        return {"certificates": self.certificates, "tokens": self.tokens, "faults": self.faults}

    async def listing_seconds(self) -> float:
        return self.seconds

    def room(self) -> tuple[Path, Room]:
        return Path("/state"), self.free

    def exposed(self) -> list[tuple[Path, int]]:
        return self.open_to_others

    def launcher(self) -> Path:
        return LAUNCHER

    def launcher_content(self) -> bytes:
        return b"#!/bin/sh"

    def browsers(self) -> list[tuple[Browser, Path]]:
        return [(browser, PLACES[browser.name]) for browser in self.found]

    def read(self, path: Path) -> bytes | None:
        held = self.files.get(path)
        if isinstance(held, OSError):
            raise held
        return held

    def is_program(self, path: Path) -> bool:
        return path in self.programs

    def listeners(self, port: int) -> list[Listener] | None:
        return self.listening

    def sockets_of(self, process: int) -> set[int]:
        return self.sockets.get(process, set())

    def holder(self, socket: int) -> str:
        return self.holders.get(socket, "")

    def loopback_allowed(self) -> bool:
        return self.pages_allowed

    async def connects(self, host: str, port: int) -> bool:
        return self.reachable


def module(**change: Any) -> dict[str, Any]:
    return {"path": "/lib/m.so", "name": "M", "source": "found", "error": None, "facts": {}, "tokens": 1} | change


def token(**change: Any) -> dict[str, Any]:
    return {"label": "Рутокен", "serial": "0a1b", "module": "/lib/m.so", "pin_initialized": True} | change


def certificate(begins: int = -100, ends: int = 200, **change: Any) -> dict[str, Any]:
    """`begins`, `ends`: days from now."""
    times = {
        name: f"{NOON + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
        for name, days in (("not_before", begins), ("not_after", ends))
    }
    return {"owner": "Макетова", "thumbprint": "ab" * 32, "problems": [], **times} | change
