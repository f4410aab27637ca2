"""The clock of this machine, and who tells what time it is: servers by NTP, else the header Date of pages, else
time-stamp authorities. The battery-backed clock, the time zone, and what keeps the clock right."""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from agent.algorithms import digest_named, new_digest
from agent.config import Settings, TimestampAuthority
from agent.diagnostics.probes.apart import apart
from agent.diagnostics.probes.network import Network
from agent.timestamp.client import name_of
from agent.timestamp.request import Rejected, request, token_of
from agent.timestamp.token import MAX_TOKEN, WrongToken, verify_timestamp
from agent.timestamp.web import Unreached, Web

Kind = Literal["ntp", "page", "authority"]
ENOUGH = 3  # sources; with fewer the next kind is asked too
NTP_TIMEOUT = 1.0  # seconds for each server
AUTHORITY_SECONDS = 3.0
_NTP_PORT = 123
_UNSYNCHRONISED = 3  # leap indicator of a server without a time of its own, RFC 5905 section 7.3
_KEEPERS = ("chronyd", "systemd-timesyn", "ntpd", "ntpsec", "openntpd", "ptp4l", "VBoxService", "vmtoolsd", "qemu-ga")
_TIME_ERROR = 5  # what adjtimex(2) returns of a clock that nobody sets
_STA_UNSYNC = 0x40


class Source(NamedTuple):
    """Who was asked, how, and true time minus the time of this machine as it says, in seconds."""

    name: str
    kind: Kind
    offset: float


class Zone(NamedTuple):
    name: str  # "Europe/Moscow"; empty: not known
    other: str = ""  # what another place of the system says, where it differs
    place: str = ""  # that place


class Clock(Protocol):
    async def sources(self) -> list[Source]:
        """Those that answered; asked once, however many checks want it."""
        ...

    def zone(self) -> Zone: ...

    def battery(self) -> float | None:
        """The battery-backed clock minus the clock of the system, in seconds; None: there is none to be read."""
        ...

    def keeper(self) -> str:
        """The program that sets the clock from outside; empty: none is seen."""
        ...

    def kept(self) -> bool | None:
        """Whether the system takes its clock for set from outside; None: it does not tell."""
        ...


class LinuxClock:
    def __init__(
        self,
        settings: Callable[[], Settings],
        environment: Mapping[str, str],
        network: Network,
        root: Path = Path("/"),
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._network = network
        self._root = root
        self._asked: asyncio.Task[list[Source]] | None = None

    async def sources(self) -> list[Source]:
        if self._asked is None:
            self._asked = asyncio.create_task(self._sources())
        return await asyncio.shield(self._asked)

    async def _sources(self) -> list[Source]:
        settings = self._settings()
        found = await _answers(self._server(host) for host in settings.clock_hosts)
        if len(found) < ENOUGH:
            found += await _answers(self._page(url) for url in settings.clock_pages)
        if len(found) < ENOUGH:
            found += await _answers(self._authority(one, settings) for one in settings.timestamp_authorities)
        return found

    async def _server(self, host: str) -> Source | None:
        try:
            async with asyncio.timeout(NTP_TIMEOUT + 0.5):
                offset = await apart(ntp_offset, host)
        except TimeoutError:  # the resolver, which nobody can hurry
            return None
        return None if offset is None else Source(host, "ntp", offset)

    async def _page(self, url: str) -> Source | None:
        trial = await self._network.trial(url)
        return None if trial.offset is None else Source(trial.host, "page", trial.offset)

    async def _authority(self, authority: TimestampAuthority, settings: Settings) -> Source | None:
        """A digest of random octets is stamped: that costs an authority's patience, and says nothing about anybody."""
        digest = digest_named(authority.digest or "sha256")
        octets = secrets.token_bytes(32)
        query = request(digest, new_digest(digest.name, octets).digest(), secrets.randbits(64), authority.policy)
        kinds = "application/timestamp-query", "application/timestamp-reply"
        try:
            async with Web(settings.proxy, self._environment) as web:
                begun = time.time()
                answer = await web.post(authority.url, query, *kinds, limit=MAX_TOKEN, seconds=AUTHORITY_SECONDS)
                middle = (begun + time.time()) / 2
            moment = verify_timestamp(token_of(answer.body), octets).moment
        except (Unreached, Rejected, WrongToken):
            return None
        return Source(name_of(authority), "authority", moment.timestamp() - middle)

    def zone(self) -> Zone:
        name = _after(str(_link(self._root / "etc/localtime")), "zoneinfo/")
        written = _line(self._root / "etc/timezone")
        if written and name and not _same_zone(written, name):
            return Zone(name, written, "/etc/timezone")
        given = self._environment.get("TZ", "").lstrip(":")
        if given and name and not given.startswith("/") and not _same_zone(given, name):
            return Zone(name, given, "TZ")
        return Zone(name or written)

    def battery(self) -> float | None:
        folder = self._root / "sys/class/rtc/rtc0"
        stamp = " ".join(filter(None, (_line(folder / "date"), _line(folder / "time"))))
        try:
            told = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None
        now = time.time()
        local = _line(self._root / "etc/adjtime", 2) == "LOCAL"  # hwclock(8): the third line
        return told.timestamp() - now - (time.localtime(now).tm_gmtoff if local else 0)

    def keeper(self) -> str:
        for folder in (self._root / "proc").glob("[0-9]*"):
            name = _line(folder / "comm")
            if name in _KEEPERS:
                return name
        return ""

    def kept(self) -> bool | None:
        return _kernel_says()


async def _answers(asked: object) -> list[Source]:
    waiting: Sequence[Awaitable[Source | None]] = list(asked)  # type: ignore[call-overload] # an iterable of awaitables
    return [source for source in await asyncio.gather(*waiting) if source is not None]


def ntp_offset(server: str) -> float | None:
    """True time minus ours, in seconds, as a server tells it ("host" or "host:port"; RFC 5905). None: no answer."""
    import ntplib

    host, port = _host_and_port(server)
    try:
        answer = ntplib.NTPClient().request(host, version=4, port=port, timeout=NTP_TIMEOUT)
    except (ntplib.NTPException, OSError, UnicodeError):
        return None
    if answer.leap == _UNSYNCHRONISED or answer.stratum == 0:
        return None
    return float(answer.offset)


def _host_and_port(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(port)
    return server.strip("[]"), _NTP_PORT


def _kernel_says() -> bool | None:
    """By adjtimex(2), reading only: `modes` of struct timex stays 0."""
    buffer = ctypes.create_string_buffer(512)
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if answer < 0:
        return None
    # modes (padded), offset, freq, maxerror, esterror: longs; then status
    (status,) = struct.unpack_from("i", buffer.raw, 5 * ctypes.sizeof(ctypes.c_long))
    return answer != _TIME_ERROR and not status & _STA_UNSYNC


def _same_zone(one: str, other: str) -> bool:
    """By the names' meaning: "Etc/UTC" is "UTC"."""
    import zoneinfo

    now = datetime.now(UTC)
    try:
        return (
            now.astimezone(zoneinfo.ZoneInfo(one)).utcoffset() == now.astimezone(zoneinfo.ZoneInfo(other)).utcoffset()
        )
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return one == other


def _link(path: Path) -> Path:
    try:
        return path.readlink()
    except OSError:
        return Path()


def _after(text: str, sign: str) -> str:
    return text.partition(sign)[2]


def _line(path: Path, number: int = 0) -> str:
    try:
        return path.read_text("utf-8", "replace").splitlines()[number].strip()
    except (OSError, IndexError):
        return ""
