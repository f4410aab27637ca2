"""Validation material of a signature: what proves, later on, that its certificates were good (level LT).

For the signer and for the authority of each time-stamp: the certificates up to a self-signed one, those that are not at
hand by authorityInfoAccess, and for each but the last an OCSP answer, or else a revocation list. Nothing is said about
trust: whoever verifies has anchors of their own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from agent.certificates import extensions
from agent.certificates.chain import MAX_CHAIN, chain_for
from agent.certificates.description import Description, describe
from agent.cms.formats import Material
from agent.config import Settings
from agent.errors import (
    CertificateRevoked,
    IssuerUnavailable,
    RevocationUnaddressed,
    RevocationUnavailable,
    TimestampWrong,
)
from agent.timestamp.networks import networks
from agent.timestamp.token import WrongToken, read_certificates
from agent.timestamp.web import Unreached, Web
from agent.trust import bundle, crl, ocsp
from agent.trust.lists import ListCache
from agent.trust.states import States
from agent.trust.status import Revoked, Unusable

EACH_SECONDS = 10.0  # for one address
WHOLE_SECONDS = 60.0  # for one signature
MAX_ADDRESSES = 3  # of one kind, of one certificate
MAX_REQUESTS = 32  # for one signature
_NONCE = 16  # octets (RFC 8954 section 2.1)

_log = logging.getLogger("pero.trust")

Found = TypeVar("Found")


class MaterialClient:
    """`settings` are read anew for each signature; `environment` may name proxies; `states` is told what is learned."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        environment: Mapping[str, str],
        now: Callable[[], datetime],
        states: States | None = None,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._now = now
        self._lists = ListCache(now)
        self._states = states

    async def material(self, certificate: bytes, chain: Sequence[bytes], tokens: Sequence[bytes]) -> Material:
        """For the signer's certificate (DER), with those of its issuers that are at hand, and for the time-stamp tokens
        of the signature.

        Raises CertificateRevoked, RevocationUnavailable, RevocationUnaddressed, IssuerUnavailable, SettingsDamaged.
        """
        settings = self._settings()
        allowed = networks(settings.certificate_networks)
        async with Web(settings.proxy, self._environment, guarded=allowed) as web:
            gathering = _Gathering(web, self._lists, self._now, self._states)
            await gathering.add(describe(certificate), chain)
            for token in tokens:
                authority, carried = _authority(token)
                await gathering.add(authority, (*carried, *chain))
        return gathering.material()


def _authority(token: bytes) -> tuple[Description, tuple[bytes, ...]]:
    """The certificate of who made a token, and all that the token carries."""
    try:
        return read_certificates(token)
    except WrongToken as error:
        raise TimestampWrong(tried=f"={error.reason}", possible_level="b") from error


class _Gathering:
    """What was found for one signature so far."""

    def __init__(self, web: Web, lists: ListCache, now: Callable[[], datetime], states: States | None = None) -> None:
        self._states = states
        self._web = web
        self._lists = lists
        self._now = now
        self._end = asyncio.get_running_loop().time() + WHOLE_SECONDS
        self._requests = 0
        self._checked: set[bytes] = set()
        self._certificates: dict[bytes, None] = {}  # in the order in which they were found
        self._ocsp: dict[bytes, None] = {}
        self._crls: dict[bytes, None] = {}

    def material(self) -> Material:
        return Material(certificates=tuple(self._certificates), ocsp=tuple(self._ocsp), crls=tuple(self._crls))

    async def add(self, leaf: Description, known: Sequence[bytes]) -> None:
        """The path of a certificate, and the state of each on it."""
        path = await self._path(leaf, known)
        for certificate, issuer in itertools.pairwise(path):
            if certificate.der not in self._checked:
                await self._check(certificate, issuer)
                self._checked.add(certificate.der)
        self._certificates |= dict.fromkeys(one.der for one in path)

    async def _path(self, leaf: Description, known: Sequence[bytes]) -> list[Description]:
        """From the leaf to a self-signed certificate. Raises IssuerUnavailable."""
        path = [leaf]
        while path[-1].issuer_der != path[-1].subject_der and len(path) <= MAX_CHAIN:
            at_hand = await asyncio.to_thread(chain_for, path[-1].der, (*known, *self._certificates))
            path += [describe(one) for one in at_hand] or [await self._fetch_issuer(path[-1])]
        if path[-1].issuer_der != path[-1].subject_der:
            raise IssuerUnavailable(thumbprint=path[-1].thumbprint, tried="", possible_level="t")
        return path

    async def _fetch_issuer(self, certificate: Description) -> Description:
        async def fetch(url: str) -> Description:
            answer = await self._get(url, bundle.MAX_BUNDLE)
            try:
                found = await asyncio.to_thread(chain_for, certificate.der, bundle.certificates(answer))
            except ValueError as error:
                raise Unusable("damaged") from error
            if not found:
                raise Unusable("certificate")
            return describe(found[0])

        addresses = _addresses(certificate, extensions.ISSUERS_ACCESS)
        tried: list[str] = []
        issuer = await self._first("issuer", addresses, fetch, tried)
        if issuer is None:
            raise IssuerUnavailable(thumbprint=certificate.thumbprint, tried="; ".join(tried), possible_level="t")
        return issuer

    async def _check(self, certificate: Description, issuer: Description) -> None:
        """By OCSP, else by lists. Raises CertificateRevoked, RevocationUnavailable, RevocationUnaddressed."""
        responders = _addresses(certificate, extensions.OCSP_ACCESS)
        if not responders and not _list_addresses(certificate):
            raise RevocationUnaddressed(thumbprint=certificate.thumbprint, possible_level="t")
        tried: list[str] = []
        try:
            known = await self._ask_responders(certificate, issuer, responders, tried)
            known = known or await self._read_lists(certificate, issuer, tried)
        except Revoked as error:
            if self._states is not None:
                learn = self._states.revoked
                await asyncio.to_thread(learn, certificate.thumbprint, error.moment, error.reason)
            raise CertificateRevoked(
                thumbprint=certificate.thumbprint, revoked_at=f"{error.moment:%Y-%m-%d}", reason=error.reason
            ) from error
        if not known:
            raise RevocationUnavailable(thumbprint=certificate.thumbprint, tried="; ".join(tried), possible_level="t")
        if self._states is not None:
            await asyncio.to_thread(self._states.good, certificate.thumbprint)

    async def _ask_responders(
        self, certificate: Description, issuer: Description, addresses: Sequence[str], tried: list[str]
    ) -> bool:
        """Raises Revoked."""

        async def ask(url: str) -> bool:
            nonce = secrets.token_bytes(_NONCE)
            query = ocsp.request(certificate, issuer, nonce)
            response = await self._post(url, query)
            answer = await asyncio.to_thread(ocsp.read, response, certificate, issuer, nonce, self._now())
            if answer.unchecked and not await self._is_good(answer.responder, issuer, tried):
                raise Unusable("certificate")
            self._ocsp[response] = None
            self._certificates[answer.responder.der] = None
            return True

        return bool(await self._first("ocsp", addresses, ask, tried))

    async def _is_good(self, responder: Description, issuer: Description, tried: list[str]) -> bool:
        """By the lists that it names; one that names none is taken (RFC 6960 section 4.2.2.2.1)."""
        try:
            return not _list_addresses(responder) or await self._read_lists(responder, issuer, tried)
        except Revoked:
            return False

    async def _read_lists(self, certificate: Description, issuer: Description, tried: list[str]) -> bool:
        """Raises Revoked."""

        async def read(url: str) -> bytes:
            content = self._lists.get(url)
            if content is None:
                content = crl.bare(await self._get(url, crl.MAX_LIST))
            until = await asyncio.to_thread(crl.check, content, certificate, issuer, self._now())
            self._lists.keep(url, content, until)
            return content

        found = await self._first("crl", _list_addresses(certificate), read, tried)
        if found is not None:
            self._crls[found] = None
        return found is not None

    async def _first(
        self, kind: str, addresses: Sequence[str], ask: Callable[[str], Awaitable[Found]], tried: list[str]
    ) -> Found | None:
        """The first answer of use. What went wrong before is added to `tried`."""
        for url in addresses[:MAX_ADDRESSES]:
            try:
                return await ask(url)
            except (Unreached, Unusable) as error:
                who = f"{kind}:{_host(url)}"
                _log.warning("unusable who=%s reason=%s", who, error.reason)
                tried.append(f"{who}={error.reason}")
        return None

    async def _get(self, url: str, limit: int) -> bytes:
        return (await self._web.get(url, limit=limit, seconds=self._seconds())).body

    async def _post(self, url: str, query: bytes) -> bytes:
        answer = await self._web.post(
            url,
            query,
            "application/ocsp-request",
            "application/ocsp-response",
            limit=ocsp.MAX_RESPONSE,
            seconds=self._seconds(),
        )
        return answer.body

    def _seconds(self) -> float:
        """For the next request. Raises Unreached where time or number is used up."""
        self._requests += 1
        left = self._end - asyncio.get_running_loop().time()
        if self._requests > MAX_REQUESTS or left <= 0:
            raise Unreached("timed_out")
        return min(left, EACH_SECONDS)


def _addresses(certificate: Description, method: str) -> tuple[str, ...]:
    try:
        return extensions.access(extensions.of_certificate(certificate.der), method)
    except (ValueError, StopIteration):
        return ()


def _list_addresses(certificate: Description) -> tuple[str, ...]:
    try:
        found = extensions.lists(extensions.of_certificate(certificate.der))
    except (ValueError, StopIteration):
        return ()
    return tuple(url for url in found if url.startswith(("http:", "https:")))


def _host(url: str) -> str:
    """For an error's facts, where some signs set the parts apart."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    return "".join(sign for sign in host[:255] if sign.isprintable() and sign not in "=; ") or "?"
