"""Clock and network of the machine of `diagnosed`: all is well until a test breaks something."""

from __future__ import annotations

from pathlib import Path

from agent.certificates.description import Description
from agent.diagnostics.probes.clock import Source, Zone
from agent.diagnostics.probes.host import Reply
from agent.diagnostics.probes.network import Trial
from agent.diagnostics.probes.pac import Verdict
from agent.diagnostics.probes.trust import Asked
from native_host.manifests import Family


class FakeClock:
    """`told` are sources; the other fields are what the methods of their names answer."""

    def __init__(self) -> None:
        self.told = sources(0.4)
        self.where = Zone("Europe/Moscow")
        self.battery_offset: float | None = 0.2
        self.program = "chronyd"
        self.synchronised: bool | None = True

    async def sources(self) -> list[Source]:
        return self.told

    def zone(self) -> Zone:
        return self.where

    def battery(self) -> float | None:
        return self.battery_offset

    def keeper(self) -> str:
        return self.program

    def kept(self) -> bool | None:
        return self.synchronised


def sources(*offsets: float) -> list[Source]:
    """Three operators that agree about one offset, or as many as there are offsets."""
    told = offsets * 3 if len(offsets) == 1 else offsets
    return [Source(f"time.server{number}.test", "ntp", offset) for number, offset in enumerate(told)]


class FakeTrust:
    """`known` are roots of the system, `fetched` issuers by the thumbprint below them; states are `told`."""

    def __init__(self) -> None:
        self.known: tuple[bytes, ...] = ()
        self.own: tuple[bytes, ...] = ()
        self.fetched: dict[str, list[Asked]] = {}
        self.told: list[Asked] = [Asked("ocsp", "http://ocsp.test/"), Asked("crl", "http://crl.test/list.crl")]

    def roots(self) -> tuple[bytes, ...]:
        return self.known

    def kept(self) -> tuple[bytes, ...]:
        return self.own

    async def issuer(self, certificate: Description) -> list[Asked]:
        return self.fetched.get(certificate.thumbprint, [])

    async def state(self, certificate: Description, issuer: Description) -> list[Asked]:
        return self.told


class FakeHost:
    """What the native messaging host answers."""

    def __init__(self) -> None:
        self.reply = Reply("answers", "0.1.0")

    async def ping(self, launcher: Path, family: Family) -> Reply:
        return self.reply


class FakeScripts:
    """No proxy script is in use."""

    async def desktop(self) -> str:
        return ""

    async def verdict(self, script: str, address: str) -> Verdict:
        return Verdict("said")


class FakeNetwork:
    """Every address answers, but those in `trials`."""

    def __init__(self) -> None:
        self.trials: dict[str, Trial] = {}
        self.tried: list[str] = []
        self.proxies: dict[str, str] = {}  # by scheme

    async def trial(self, url: str) -> Trial:
        self.tried.append(url)
        host = url.split("/")[2]
        return self.trials.get(url, Trial(host, "done", status=200, issuer="CN=Some CA", offset=0.0))

    def proxy(self, url: str) -> str:
        return self.proxies.get(url.partition(":")[0], "")
