"""What vouches for certificates, as this machine finds it: roots of the system, issuers and their states over HTTP.

What certificates name is asked as the signing procedure asks it: by the proxy of the settings, and public hosts only.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias
from urllib.parse import urlsplit

from agent.certificates import extensions
from agent.certificates.chain import chain_for
from agent.certificates.description import Description
from agent.config import Settings
from agent.timestamp.networks import networks
from agent.timestamp.web import Unreached, Web
from agent.trust import bundle, crl, ocsp
from agent.trust.roots import certificates_in, system_roots
from agent.trust.status import Revoked, Unusable

SECONDS = 5.0  # for one address: lists are long
SILENCE = 2.0  # seconds in which one says nothing
MAX_ADDRESSES = 4  # of one kind, of one certificate

Kind = Literal["ocsp", "crl", "issuer"]


class Asked(NamedTuple):
    """One address out of a certificate. `reason` is a word of texts.errors.TRIED; empty: it gave what it is for."""

    kind: Kind
    url: str
    reason: str = ""
    revoked: datetime | None = None
    why: str = ""  # a name of trust.status.REASONS
    issuer: bytes = b""  # DER, of kind "issuer"

    @property
    def host(self) -> str:
        try:
            return urlsplit(self.url).netloc.rpartition("@")[2][:255]
        except ValueError:
            return "?"


_Way: TypeAlias = tuple[Kind, str, Callable[[Web, str], Awaitable[Asked]]]


class Trust(Protocol):
    def roots(self) -> tuple[bytes, ...]:
        """DER of what the system trusts."""
        ...

    def kept(self) -> tuple[bytes, ...]:
        """DER of issuers in Pero's own folder."""
        ...

    async def issuer(self, certificate: Description) -> list[Asked]:
        """Each address at which the certificate says that its issuer's certificate lies."""
        ...

    async def state(self, certificate: Description, issuer: Description) -> list[Asked]:
        """Each address at which the certificate says that its state is told, lists and responders."""
        ...


class RealTrust:
    def __init__(
        self,
        settings: Callable[[], Settings],
        environment: Mapping[str, str],
        now: Callable[[], datetime],
        issuers: Path,
        root: Path = Path("/"),
    ) -> None:
        """`issuers`: the folder of Pero's own store; it may be missing."""
        self._settings = settings
        self._environment = environment
        self._now = now
        self._issuers = issuers
        self._root = root
        self._asked: dict[tuple[str, str], asyncio.Task[list[Asked]]] = {}

    def roots(self) -> tuple[bytes, ...]:
        return system_roots(self._environment, self._root)

    def kept(self) -> tuple[bytes, ...]:
        return kept_in(self._issuers)

    async def issuer(self, certificate: Description) -> list[Asked]:
        return await self._once("issuer", certificate, lambda: self._issuer(certificate))

    async def state(self, certificate: Description, issuer: Description) -> list[Asked]:
        return await self._once("state", certificate, lambda: self._state(certificate, issuer))

    async def _once(
        self, what: str, certificate: Description, ask: Callable[[], Awaitable[list[Asked]]]
    ) -> list[Asked]:
        key = what, certificate.thumbprint
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(ask())
        return await asyncio.shield(self._asked[key])

    async def _issuer(self, certificate: Description) -> list[Asked]:
        async def ask(web: Web, url: str) -> Asked:
            answer = await web.get(url, limit=bundle.MAX_BUNDLE, seconds=SECONDS)
            try:
                found = await asyncio.to_thread(chain_for, certificate.der, bundle.certificates(answer.body))
            except ValueError as error:
                raise Unusable("damaged") from error
            if not found:
                raise Unusable("certificate")
            return Asked("issuer", url, issuer=found[0])

        return await self._each([("issuer", url, ask) for url in _access(certificate, extensions.ISSUERS_ACCESS)])

    async def _state(self, certificate: Description, issuer: Description) -> list[Asked]:
        async def respond(web: Web, url: str) -> Asked:
            nonce = secrets.token_bytes(16)
            kinds = "application/ocsp-request", "application/ocsp-response"
            query = ocsp.request(certificate, issuer, nonce)
            answer = await web.post(url, query, *kinds, limit=ocsp.MAX_RESPONSE, seconds=SECONDS)
            await asyncio.to_thread(ocsp.read, answer.body, certificate, issuer, nonce, self._now())
            return Asked("ocsp", url)

        async def listed(web: Web, url: str) -> Asked:
            answer = await web.get(url, limit=crl.MAX_LIST, seconds=SECONDS)
            await asyncio.to_thread(crl.check, crl.bare(answer.body), certificate, issuer, self._now())
            return Asked("crl", url)

        responders: list[_Way] = [("ocsp", url, respond) for url in _access(certificate, extensions.OCSP_ACCESS)]
        places: list[_Way] = [("crl", url, listed) for url in _lists(certificate)]
        return await self._each([*responders, *places])

    async def _each(self, asked: Sequence[_Way]) -> list[Asked]:
        settings = self._settings()
        guarded = networks(settings.certificate_networks)

        async def one(web: Web, kind: Kind, url: str, ask: Callable[[Web, str], Awaitable[Asked]]) -> Asked:
            try:
                return await ask(web, url)
            except (Unreached, Unusable) as error:
                return Asked(kind, url, error.reason)
            except Revoked as error:
                return Asked(kind, url, revoked=error.moment, why=error.reason)

        async with Web(settings.proxy, self._environment, guarded=guarded, silence=SILENCE) as web:
            return list(await asyncio.gather(*(one(web, *row) for row in asked)))


def kept_in(folder: Path) -> tuple[bytes, ...]:
    """DER of the certificates in a folder of issuers; what is no file, or cannot be read, is passed over."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())[:256]
    except OSError:
        return ()
    return tuple(one for path in files for one in certificates_in(path))


def addresses(certificate: Description) -> tuple[str, ...]:
    """Where the certificate's state is told."""
    return (*_access(certificate, extensions.OCSP_ACCESS), *_lists(certificate))


def _access(certificate: Description, method: str) -> tuple[str, ...]:
    try:
        return extensions.access(extensions.of_certificate(certificate.der), method)[:MAX_ADDRESSES]
    except (ValueError, StopIteration):
        return ()


def _lists(certificate: Description) -> tuple[str, ...]:
    try:
        found = extensions.lists(extensions.of_certificate(certificate.der))
    except (ValueError, StopIteration):
        return ()
    return tuple(url for url in found if url.startswith(("http:", "https:")))[:MAX_ADDRESSES]
