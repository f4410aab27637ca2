"""The outside world as checks see it: the agent, the machine, the network, the clock. Tests bring their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from agent import config
from agent.diagnostics.probes import ports, rights
from agent.diagnostics.probes.cards import Cards, PcscCards
from agent.diagnostics.probes.clock import Clock, LinuxClock
from agent.diagnostics.probes.drivers import Drivers, LinuxDrivers
from agent.diagnostics.probes.host import Host, RealHost
from agent.diagnostics.probes.journal import Journal, SystemJournal
from agent.diagnostics.probes.logins import LinuxLogins, Logins
from agent.diagnostics.probes.network import Network, RealNetwork
from agent.diagnostics.probes.pac import RealScripts, Scripts
from agent.diagnostics.probes.policies import LinuxPolicies, Policies
from agent.diagnostics.probes.products import LinuxProducts, Products
from agent.diagnostics.probes.profiles import LinuxProfiles, Profiles
from agent.diagnostics.probes.system import LinuxSystem, System
from agent.diagnostics.probes.trust import RealTrust, Trust
from agent.diagnostics.probes.usb import LinuxUsb, Usb
from agent.errors import PeroError
from agent.policy import POLICY_FILE, load_policy
from native_host import install
from native_host.manifests import Browser

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

CONNECT_TIMEOUT = 2.0  # seconds


class Probe(Protocol):
    """What a check may ask. Only what asks the agent raises errors of ours."""

    version: str  # of this program
    usb: Usb
    cards: Cards
    system: System
    drivers: Drivers
    journal: Journal
    logins: Logins
    policies: Policies
    products: Products
    network: Network
    clock: Clock
    trust: Trust
    profiles: Profiles
    host: Host
    scripts: Scripts

    def settings(self) -> config.Settings:
        """Those of the person, with what the administrator decided; where they cannot be read, such as ask nobody."""
        ...

    def now(self) -> datetime: ...

    async def agent_answers(self) -> bool:
        """Whether somebody accepts connections on the local socket."""
        ...

    async def status(self) -> dict[str, Any]:
        """What the method `status` tells; asked once, as the two below."""
        ...

    async def modules(self) -> list[dict[str, Any]]:
        """What the method `list_modules` tells."""
        ...

    async def listing(self) -> dict[str, Any]:
        """What the method `certificates` tells."""
        ...

    async def listing_seconds(self) -> float:
        """How long that took."""
        ...

    def launcher(self) -> Path:
        """The native host's launcher that the manifests should name."""
        ...

    def launcher_content(self) -> bytes:
        """What should be in the launcher."""
        ...

    def browsers(self) -> list[tuple[Browser, Path]]:
        """The browsers found, each with the path where it looks for our manifest."""
        ...

    def read(self, path: Path) -> bytes | None:
        """A file's content; None where it is not there. Raises OSError."""
        ...

    def is_program(self, path: Path) -> bool: ...

    def exposed(self) -> list[tuple[Path, int]]:
        """Files of Pero that others could read or write, with their permission bits."""
        ...

    def room(self) -> tuple[Path, rights.Room]:
        """Whether Pero could write where it keeps things, and the folder that was looked at."""
        ...

    def listeners(self, port: int) -> list[ports.Listener] | None:
        """Who listens on a TCP port; None where this system does not tell."""
        ...

    def sockets_of(self, process: int) -> set[int]:
        """The inodes of the sockets that a process holds, as far as we may see them."""
        ...

    def holder(self, socket: int) -> str:
        """The name of the program that holds a socket (inode), as far as we may see it; empty: not known."""
        ...

    def loopback_allowed(self) -> bool:
        """Whether the administrator lets the agent have a port for pages."""
        ...

    async def connects(self, host: str, port: int) -> bool: ...


class Machine:
    """The real machine. An async context manager: where no agent runs, the same parts live here until its end."""

    def __init__(
        self,
        locations: config.Locations,
        environment: Mapping[str, str],
        session: Callable[[], AbstractAsyncContextManager[Call]],
        version: str,
        root: Path = Path("/"),
        policy: Path = POLICY_FILE,
    ) -> None:
        self.version = version
        self._policy = policy
        self.usb: Usb = LinuxUsb(root)
        self.cards: Cards = PcscCards(environment)
        self.system: System = LinuxSystem(environment, root)
        self.drivers: Drivers = LinuxDrivers(root, environment)
        self.journal: Journal = SystemJournal(environment)
        self.logins: Logins = LinuxLogins(environment, root)
        self.policies: Policies = LinuxPolicies(root)
        self.products: Products = LinuxProducts(root)
        self.network: Network = RealNetwork(self.settings, environment)
        self.clock: Clock = LinuxClock(self.settings, environment, self.network, root)
        self.trust: Trust = RealTrust(self.settings, environment, self.now, locations.issuers, root)
        self.profiles: Profiles = LinuxProfiles(Path(environment.get("HOME") or Path.home()), root)
        self.host: Host = RealHost(dict(environment))
        self.scripts: Scripts = RealScripts(environment)
        self._locations = locations
        self._environment = environment
        self._session = session
        self._keeper: asyncio.Task[None] | None = None  # opens the session and closes it, in one task
        self._opened: asyncio.Future[Call] | None = None
        self._asked: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._seconds: dict[str, float] = {}  # that the last call of each method took

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        tasks = [*self._asked.values(), *([self._keeper] if self._keeper else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def settings(self) -> config.Settings:
        try:
            return load_policy(self._policy).over(config.load_settings(self._locations.settings))
        except PeroError:
            # That the settings are damaged is for `call` to say. They may have said that nobody is to be asked.
            return config.Settings(clock_hosts=(), clock_pages=(), portals=())

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def agent_answers(self) -> bool:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _reader, writer = await asyncio.open_unix_connection(self._locations.socket)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A method of the command role: of the running agent, each on a connection of its own; or of the same parts
        here where none runs. So a module that hangs is waited for once by all who ask about modules."""
        if await self.agent_answers():
            async with self._session() as own:
                return await self._timed(own, method, parameters)
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep(self._opened))
        return await self._timed(await asyncio.shield(self._opened), method, parameters)

    async def _timed(self, call: Call, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        begun = time.monotonic()
        result = await call(method, parameters)
        self._seconds[method] = time.monotonic() - begun
        return result

    async def _keep(self, opened: asyncio.Future[Call]) -> None:
        """Hold the session open until this task is cancelled. What opening it raises goes to those who call."""
        try:
            async with self._session() as call:
                opened.set_result(call)
                await asyncio.Event().wait()
        except PeroError as error:
            if not opened.done():
                opened.set_exception(error)

    async def _once(self, method: str) -> dict[str, Any]:
        """The answer of a method without parameters, asked once however many checks want it."""
        if method not in self._asked:
            self._asked[method] = asyncio.create_task(self.call(method, {}))
        return await asyncio.shield(self._asked[method])

    async def status(self) -> dict[str, Any]:
        return await self._once("status")

    async def modules(self) -> list[dict[str, Any]]:
        return list((await self._once("list_modules"))["modules"])

    async def listing(self) -> dict[str, Any]:
        return await self._once("certificates")

    async def listing_seconds(self) -> float:
        await self.listing()
        return self._seconds["certificates"]

    def launcher(self) -> Path:
        return self._locations.host_launcher

    def launcher_content(self) -> bytes:
        return install.launcher_content(self._locations.socket)

    def browsers(self) -> list[tuple[Browser, Path]]:
        home = Path(self._environment.get("HOME") or Path.home())
        rows = ((browser, install.manifest_path(browser, home)) for browser in install.found(home))
        return [(browser, path) for browser, path in rows if path is not None]

    def read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def is_program(self, path: Path) -> bool:
        return path.is_file() and os.access(path, os.X_OK)

    def exposed(self) -> list[tuple[Path, int]]:
        return list(rights.exposed(self._locations.state, Path(install.__file__).resolve().parent))

    def room(self) -> tuple[Path, rights.Room]:
        return rights.room(self._locations.state)

    def listeners(self, port: int) -> list[ports.Listener] | None:
        return ports.listeners(port)

    def sockets_of(self, process: int) -> set[int]:
        return ports.sockets_of(process)

    def holder(self, socket: int) -> str:
        return ports.holder(socket)

    def loopback_allowed(self) -> bool:
        try:
            return load_policy(self._policy).allow_loopback
        except PeroError:
            return True

    async def connects(self, host: str, port: int) -> bool:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True
