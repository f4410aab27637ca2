"""A trial connection to an address, step by step: name, connection, proxy, TLS, certificate, answer.

It says which step failed and why; nothing is sent but a request for the page's head. Blocking sockets in a thread of
their own: a resolver that hangs delays nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import errno
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from agent.certificates.description import describe
from agent.config import Settings
from agent.diagnostics.probes.apart import apart
from agent.errors import CertificateDamaged
from agent.timestamp import proxies

Step = Literal["address", "name", "connect", "proxy", "tls", "certificate", "http", "done"]
SECONDS = 2.2  # for all steps of one address
GRACE = 0.2  # seconds after which one that minds no deadline is given up: a resolver, a server that drips
_HEAD = 32 << 10  # octets of an answer's head that are read
_CERTIFICATE_REASONS = {  # X509_V_ERR_* of openssl
    9: "not_yet_valid", 10: "expired", 18: "self_signed", 19: "untrusted", 20: "untrusted", 21: "untrusted",
    2: "untrusted", 62: "other_name", 64: "other_name",
}  # fmt: skip
_TLS_REASONS = {  # what openssl calls them
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "no_common",
    "TLSV1_ALERT_PROTOCOL_VERSION": "no_common",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "no_common",
    "UNSUPPORTED_PROTOCOL": "no_common",
    "NO_CIPHERS_AVAILABLE": "no_common",
    "WRONG_CIPHER_RETURNED": "no_common",
    "WRONG_VERSION_NUMBER": "not_tls",
    "HTTP_REQUEST": "not_tls",
    "UNKNOWN_PROTOCOL": "not_tls",
}


class Trial(NamedTuple):
    """`step` is the one that failed, or "done"; `reason` says why."""

    host: str
    step: Step
    reason: str = ""
    status: int = 0  # of HTTP
    issuer: str = ""  # RFC 4514: who issued the certificate of the other side
    begins: float = 0.0  # POSIX time from and to which that certificate is valid, where it was not accepted
    ends: float = 0.0
    proxy: str = ""  # host:port through which it went
    offset: float | None = None  # seconds: the header Date minus our clock
    seconds: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether somebody at the other side spoke HTTP with us."""
        return self.step == "done" or (self.step == "http" and self.status > 0)


class Network(Protocol):
    async def trial(self, url: str) -> Trial:
        """One address; tried once, however many checks want it."""
        ...

    def proxy(self, url: str) -> str:
        """The proxy before an address, without its password; empty: none."""
        ...


class RealNetwork:
    def __init__(self, settings: Callable[[], Settings], environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._tried: dict[str, asyncio.Task[Trial]] = {}

    async def trial(self, url: str) -> Trial:
        if url not in self._tried:
            self._tried[url] = asyncio.create_task(self._try(url))
        return await asyncio.shield(self._tried[url])

    async def _try(self, url: str) -> Trial:
        attempt = _Attempt(url, self._proxy(url))
        try:
            async with asyncio.timeout(SECONDS + GRACE):
                return await apart(attempt.run)
        except TimeoutError:
            told = attempt.failed("timed_out")
            attempt.give_up()
            return told

    def proxy(self, url: str) -> str:
        return shown(self._proxy(url))

    def _proxy(self, url: str) -> str:
        try:
            return proxies.proxy_for(url, self._settings().proxy, self._environment)
        except ValueError:
            return ""


def shown(proxy: str) -> str:
    """host:port of a proxy's address."""
    try:
        parts = urlsplit(proxy if "://" in proxy or not proxy else f"http://{proxy}")
        return f"{parts.hostname}:{parts.port or 80}" if parts.hostname else ""
    except ValueError:
        return ""


class _Failed(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Attempt:
    def __init__(self, url: str, proxy: str) -> None:
        self._url = url
        self._proxy_url = proxy
        self._step: Step = "address"
        self._host = ""
        self._issuer = ""
        self._period = 0.0, 0.0
        self._status = 0
        self._offset: float | None = None
        self._begun = time.monotonic()
        self._opened: socket.socket | None = None

    def give_up(self) -> None:
        """End the connection under whoever reads from it, or a server that drips would keep the thread for ever."""
        if self._opened is not None:
            with contextlib.suppress(OSError):
                self._opened.shutdown(socket.SHUT_RDWR)

    def run(self) -> Trial:
        """1. the address  2. its name, or the proxy's  3. the connection  4. through the proxy  5. TLS and the
        certificate  6. the answer's head"""
        try:
            return self._run()
        except _Failed as error:
            return self.failed(error.reason)
        except TimeoutError:
            return self.failed("timed_out")
        except OSError as error:
            return self.failed(_of_system(error))
        except ValueError:
            return self.failed("malformed")

    def failed(self, reason: str) -> Trial:
        return self._trial(self._step, reason)

    def _run(self) -> Trial:
        # 1.
        parts = urlsplit(self._url)
        self._host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        if parts.scheme not in ("http", "https") or not self._host:
            raise _Failed("malformed")
        there = self._proxy_place() if self._proxy_url else (self._host, port)
        # 2. and 3.
        connection = self._connect(*there)
        try:
            # 4.
            if self._proxy_url and secure:
                self._ask_proxy(connection, port)
            # 5.
            if secure:
                connection = self._secure(connection)
            # 6.
            return self._head(connection, parts.path or "/", whole=bool(self._proxy_url) and not secure)
        finally:
            connection.close()

    def _proxy_place(self) -> tuple[str, int]:
        self._step = "proxy"
        place = shown(self._proxy_url)
        if not place:
            raise _Failed("malformed")
        host, _, port = place.rpartition(":")
        return host, int(port)

    def _connect(self, host: str, port: int) -> socket.socket:
        direct = not self._proxy_url
        try:
            if direct:
                self._step = "name"
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _Failed("name_not_found" if direct else "proxy_name_not_found") from error
        if direct:
            self._step = "connect"
        last: OSError | None = None
        for family, kind, protocol, _, address in found[:4]:
            connection = socket.socket(family, kind, protocol)
            self._opened = connection
            connection.settimeout(self._left() / (2 if last is None and len(found) > 1 else 1))
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                last = error
            else:
                connection.settimeout(self._left())
                return connection
        raise last or _Failed("unreachable")

    def _ask_proxy(self, connection: socket.socket, port: int) -> None:
        login = _login(self._proxy_url)
        there = f"{_written(self._host)}:{port}"
        connection.sendall(f"CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n{login}\r\n".encode())
        status, _headers = _read_head(connection)
        if status != 200:
            self._status = status
            raise _Failed("login" if status == 407 else "refused_by_proxy")

    def _secure(self, connection: socket.socket) -> ssl.SSLSocket:
        self._step = "tls"
        context = ssl.create_default_context()
        try:
            secured = context.wrap_socket(connection, server_hostname=self._host, do_handshake_on_connect=False)
            self._opened = secured
            try:
                secured.do_handshake()
            except BaseException:
                secured.close()
                raise
        except ssl.SSLCertVerificationError as error:
            self._step = "certificate"
            self._look_at_certificate()
            raise _Failed(_CERTIFICATE_REASONS.get(error.verify_code, "untrusted")) from error
        except ssl.SSLError as error:
            raise _Failed(_TLS_REASONS.get(error.reason or "", "broken")) from error
        self._note(secured.getpeercert(binary_form=True))
        return secured

    def _look_at_certificate(self) -> None:
        """Connect again without judging, to see whose certificate it was."""
        port = urlsplit(self._url).port or 443
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        step = self._step
        try:
            with self._connect(*(self._proxy_place() if self._proxy_url else (self._host, port))) as connection:
                if self._proxy_url:
                    self._ask_proxy(connection, port)
                with context.wrap_socket(connection, server_hostname=self._host) as secured:
                    self._note(secured.getpeercert(binary_form=True))
        except (OSError, _Failed):
            pass
        finally:
            self._step = step

    def _note(self, certificate: bytes | None) -> None:
        try:
            seen = describe(certificate or b"")
        except CertificateDamaged:
            return
        self._issuer = seen.issuer
        self._period = seen.not_before.timestamp(), seen.not_after.timestamp()

    def _head(self, connection: socket.socket, path: str, *, whole: bool) -> Trial:
        self._step = "http"
        target = self._url if whole else path
        login = _login(self._proxy_url) if whole else ""
        begun = time.time()
        connection.sendall(
            f"HEAD {target} HTTP/1.1\r\nHost: {urlsplit(self._url).netloc}\r\nUser-Agent: Pero\r\nAccept: */*\r\n"
            f"{login}Connection: close\r\n\r\n".encode()
        )
        self._status, headers = _read_head(connection)
        self._offset = _offset(headers.get("date", ""), (begun + time.time()) / 2)
        if self._status == 407:
            self._step = "proxy"
            raise _Failed("login")
        if self._status == 511:
            raise _Failed("captive")
        if self._status >= 500:
            raise _Failed("server")
        return self._trial("done", "")

    def _left(self) -> float:
        left = SECONDS - (time.monotonic() - self._begun)
        if left <= 0:
            raise TimeoutError
        return left

    def _trial(self, step: Step, reason: str) -> Trial:
        return Trial(
            self._host, step, reason, self._status, self._issuer, *self._period, shown(self._proxy_url), self._offset,
            time.monotonic() - self._begun,
        )  # fmt: skip


def _read_head(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and headers, names in lower case. Raises _Failed where that is no HTTP."""
    found = b""
    while b"\r\n\r\n" not in found and len(found) < _HEAD:
        piece = connection.recv(4096)
        if not piece:
            break
        found += piece
    first, *lines = found.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal() or len(words[1]) != 3:
        raise _Failed("no_answer" if not found else "not_http")
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _offset(date: str, middle: float) -> float | None:
    """RFC 9110 section 6.6.1: whole seconds, so half a second is added."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() + 0.5 - middle
    except (ValueError, TypeError, OverflowError):
        return None


def _login(proxy: str) -> str:
    found = proxies.options(proxy).get("proxy_headers") if proxy else None
    return f"Proxy-Authorization: {found['Authorization']}\r\n" if found else ""


def _written(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host.encode("idna").decode()


def _of_system(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "refused"
    if error.errno in (errno.ECONNRESET, errno.EPIPE):
        return "reset"
    return "unreachable"
