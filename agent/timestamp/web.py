"""HTTP to addresses that settings or certificates name: with deadlines, limits, proxies, and no state between calls.

aiohttp is imported at first use. An address out of a certificate is a stranger's: `guarded` calls go to public networks
only, and to those that the settings name.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import msgspec

from agent.timestamp import proxies
from agent.timestamp.networks import Network, is_public_name, may_be_asked

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

MAX_REDIRECTS = 3
_SCHEMES = ("http", "https")
_GET_REDIRECTS, _POST_REDIRECTS = (301, 302, 303, 307, 308), (307, 308)
_PIECE = 64 << 10  # octets
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.ETIMEDOUT: "timed_out",
}


class Unreached(Exception):
    """Nothing of use came back. `reason` is one of texts.errors.TRIED, "http" with the status after it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(msgspec.Struct, frozen=True):
    media_type: str  # lower case, without parameters
    body: bytes


class Web:
    """One session: used for one time-stamp or the material of one signature, and closed."""

    def __init__(
        self,
        proxy: str,
        environment: Mapping[str, str],
        *,
        guarded: Sequence[Network] | None = None,
        silence: float | None = None,
    ) -> None:
        """`proxy` is that of the settings. `guarded`: networks that are not public and may be asked; None: any.
        `silence`: seconds in which the other side says nothing, after which it is given up; None: all its time."""
        self._silence = silence
        self._proxy = proxy
        self._environment = environment
        self._guarded = guarded
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Web:
        import aiohttp

        connector = aiohttp.TCPConnector(resolver=self._resolver(), use_dns_cache=False, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "Pero"},
            timeout=aiohttp.ClientTimeout(total=None, connect=self._silence, sock_read=self._silence),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, *, limit: int, seconds: float) -> Answer:
        """Raises Unreached. `limit` is of octets; `seconds` for all of it, redirects too."""
        return await self._within(seconds, self._follow("GET", url, limit, {}, b"", None))

    async def post(
        self,
        url: str,
        body: bytes,
        media_type: str,
        accept: str,
        *,
        limit: int,
        seconds: float,
        login: tuple[str, str] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """`login` is for HTTP basic authentication. Raises Unreached."""
        headers = {**headers, "Content-Type": media_type, "Accept": accept}
        return await self._within(seconds, self._follow("POST", url, limit, headers, body, login))

    async def _within(self, seconds: float, call: Any) -> Answer:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                answer: Answer = await call
                return answer
        except TimeoutError as error:
            raise Unreached("timed_out") from error

    async def _follow(
        self, method: str, url: str, limit: int, headers: Mapping[str, str], body: bytes, login: tuple[str, str] | None
    ) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            answer = await self._once(method, url, limit, headers, body, login)
            if isinstance(answer, Answer):
                return answer
            if not _may_follow(method, url, answer):
                break
            url = answer
        raise Unreached("redirected")

    def _check(self, url: str) -> None:
        """Raises Unreached at an address that is none, or that a certificate may not name."""
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Unreached("address") from error
        if parts.scheme not in _SCHEMES or not host or parts.username is not None:
            raise Unreached("address")
        if self._guarded is not None and not is_public_name(host, self._guarded):
            raise Unreached("address")

    async def _once(
        self, method: str, url: str, limit: int, headers: Mapping[str, str], body: bytes, login: tuple[str, str] | None
    ) -> Answer | str:
        """The answer, or where it sends to. Raises Unreached."""
        import aiohttp

        if self._session is None:
            raise RuntimeError("not entered")
        options: dict[str, Any] = {"data": body} if method == "POST" else {}
        if urlsplit(url).scheme == "https":
            options["ssl"] = self._trust()
        try:
            if login is not None:
                headers = {**headers, "Authorization": proxies.basic(*login)}
            options |= proxies.options(proxies.proxy_for(url, self._proxy, self._environment))
            async with self._session.request(
                method, url, headers=headers, allow_redirects=False, **options
            ) as response:
                if response.status in (_GET_REDIRECTS if method == "GET" else _POST_REDIRECTS):
                    return urljoin(url, response.headers.get("Location", ""))
                _check_status(response.status)
                return Answer(response.content_type.lower(), await _body(response, limit))
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
                raise
            raise Unreached(_reason(error)) from error

    def _trust(self) -> ssl.SSLContext:
        """The certificates that the system trusts."""
        import ssl

        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _resolver(self) -> AbstractResolver:
        from aiohttp.resolver import ThreadedResolver

        return ThreadedResolver() if self._guarded is None else _guard(self._guarded)


def _guard(allowed: Sequence[Network]) -> AbstractResolver:
    """A resolver that gives the addresses that may be asked: what is checked is what is connected to."""
    from aiohttp.resolver import ThreadedResolver

    class Guard(ThreadedResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = [one for one in await super().resolve(host, port, family) if may_be_asked(one["host"], allowed)]
            if not found:
                raise _Forbidden
            return found

    return Guard()


class _Forbidden(OSError):
    """A name that leads to no address that may be asked."""


def _may_follow(method: str, url: str, to: str) -> bool:
    """Never away from https; what is posted, and a password with it, stays with its host."""
    here, there = urlsplit(url), urlsplit(to)
    if there.scheme not in _SCHEMES or (here.scheme, there.scheme) == ("https", "http"):
        return False
    return method == "GET" or here.hostname == there.hostname


def _check_status(status: int) -> None:
    if status == 401:
        raise Unreached("unauthorized")
    if status == 407:
        raise Unreached("proxy_unauthorized")
    if 300 <= status < 400:
        raise Unreached("redirected")
    if status != 200:
        raise Unreached(f"http {status}")


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        raise Unreached("too_large")
    found = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        found += piece
        if len(found) > limit:
            raise Unreached("too_large")
    return bytes(found)


def _reason(error: BaseException) -> str:
    """A name of TRIED for what aiohttp raises."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return "timed_out"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return "proxy_unauthorized" if error.status == 407 else "proxy"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "proxy"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "address" if isinstance(error.os_error, _Forbidden) else "name_not_found"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _REASONS.get(error.os_error.errno or 0, "unreachable")
    if isinstance(error, aiohttp.InvalidURL | ValueError) and not isinstance(error, aiohttp.ClientPayloadError):
        return "address"
    return "broken"
