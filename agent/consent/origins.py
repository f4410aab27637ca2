"""Which sites may ask, since when, and which were refused until when. What the browser says is the origin.

An origin is scheme, host and port as RFC 6454 section 6.2 writes them (ASCII serialisation), nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import idna
import msgspec

from agent.config import write_private
from agent.errors import OriginRefused, SettingsDamaged

MAX_ORIGIN = 512  # characters
REFUSAL = timedelta(minutes=10)
KEPT_TO = timedelta(minutes=1)  # how exactly the file says when a site last signed
MAX_UNANSWERED = 3  # first contacts that may end without an answer before they count as a refusal
_DEFAULT_PORTS = {"https": 443, "http": 80}


def parse_origin(value: str) -> str:
    """The canonical form of an origin that may ask at all: https anywhere, http on this machine only.

    Raises OriginRefused for every other one: opaque ("null"), extensions, files, credentials, a path, no host.
    """
    if len(value) > MAX_ORIGIN or not value.isascii():
        raise OriginRefused(origin=value[:MAX_ORIGIN])
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise OriginRefused(origin=value) from error
    host = parts.hostname
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment) and "@" not in parts.netloc
    if not host or not bare or parts.scheme not in _DEFAULT_PORTS or any(c.isspace() for c in value):
        raise OriginRefused(origin=value)
    if parts.scheme == "http" and not is_this_machine(host):
        raise OriginRefused(origin=value)
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}"


def is_this_machine(host: str) -> bool:
    """Whether a host name can only mean this machine (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, ::1)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_origin(origin: str) -> str:
    """The origin for people: names in their own script beside the punycode, punycode alone where scripts are mixed."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if "xn--" not in host:
        return origin
    try:
        name = idna.decode(host)
    except idna.IDNAError:
        return origin
    if any(len(_scripts(label)) > 1 for label in name.split(".")):
        return origin
    return f"{origin.replace(host, name)} ({host})"


def _scripts(label: str) -> set[str]:
    return {unicodedata.name(character, "?").split()[0] for character in label if character.isalpha()}


Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # with its zone: others cannot be compared


class Site(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of an origin. Times are UTC."""

    allowed: bool = False
    since: Moment | None = None
    last_used: Moment | None = None
    refused_until: Moment | None = None
    blocked: bool = False  # until it is forgotten
    certificate: str = ""  # thumbprint of the one that windows for this site begin with, as the person set it


class Origins:
    """The remembered sites, in one file. A damaged file is kept aside and allows nobody; one that cannot be read at
    all is SettingsDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sites = self._load()
        self._written: dict[str, datetime] = {}  # the last uses that stand in the file
        self._unanswered: dict[str, int] = {}

    def _load(self) -> dict[str, Site]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Site])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SettingsDamaged(path=str(self._path), detail=error.strerror or "unreadable") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            os.replace(self._path, self._path.with_suffix(".damaged"))  # noqa: PTH105 - replaces an older one
            return {}

    def is_allowed(self, origin: str) -> bool:
        return self._sites.get(origin, Site()).allowed

    def is_refused(self, origin: str, now: datetime) -> bool:
        """Whether the person said no so lately that the site may not ask again."""
        until = self._sites.get(origin, Site()).refused_until
        return self.is_blocked(origin) or (until is not None and now < until <= now + REFUSAL)

    def is_blocked(self, origin: str) -> bool:
        """Whether the person blocked it: it may not even ask to be allowed."""
        return self._sites.get(origin, Site()).blocked

    def block(self, origin: str, now: datetime) -> None:
        self._put(origin, Site(since=now, blocked=True))

    def allow(self, origin: str, now: datetime) -> None:
        self._unanswered.pop(origin, None)
        self._put(origin, Site(allowed=True, since=now, last_used=now))

    def refuse(self, origin: str, now: datetime) -> None:
        if not self.is_blocked(origin):
            self._put(origin, Site(refused_until=now + REFUSAL))

    def unanswered(self, origin: str, now: datetime) -> None:
        """A first contact ended without an answer (window left alone or closed, request taken back).

        A site that goes on asking like this is refused, so that it cannot keep a window before the person's eyes.
        """
        count = self._unanswered.pop(origin, 0) + 1
        if count >= MAX_UNANSWERED:
            self.refuse(origin, now)
        else:
            self._unanswered[origin] = count

    def used(self, origin: str, now: datetime) -> None:
        """Remember when a site last signed; sites that are not remembered stay so.

        Exact while we run; the file is not written again for each signature of the same minute.
        """
        site = self._sites.get(origin)
        if site is None or not site.allowed:
            return
        used = msgspec.structs.replace(site, last_used=now)
        written = self._written.get(origin)
        if written is None or not written <= now < written + KEPT_TO:
            self._put(origin, used)
            self._written[origin] = now
        else:
            self._sites = {**self._sites, origin: used}

    def certificate(self, origin: str) -> str | None:
        """The one to begin with; it is shown all the same, and another can be taken."""
        return self._sites.get(origin, Site()).certificate or None

    def set_certificate(self, origin: str, thumbprint: str) -> bool:
        """Empty: none any more. False where the site is not one that is allowed."""
        site = self._sites.get(origin)
        if site is None or not site.allowed:
            return False
        self._put(origin, msgspec.structs.replace(site, certificate=thumbprint))
        return True

    def forget(self, origin: str) -> bool:
        if origin not in self._sites:
            return False
        self._write({known: site for known, site in self._sites.items() if known != origin})
        return True

    def all(self) -> dict[str, Site]:
        return dict(sorted(self._sites.items()))

    def _put(self, origin: str, site: Site) -> None:
        self._write({**self._sites, origin: site})

    def _write(self, sites: dict[str, Site]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(sites), indent=2) + b"\n")
        self._sites = sites


def utc_now() -> datetime:
    """The clock of this machine; handed down from app.py as a parameter."""
    return datetime.now(UTC)
