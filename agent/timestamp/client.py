"""Time-stamps from the authorities of the settings, in their order, until one gives a right one (RFC 3161).

Only the digest leaves the machine. What an authority did wrong stands in the log and in the error; a wrong answer is
never mistaken for an authority that cannot be reached.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from agent.algorithms import digest_named, new_digest
from agent.certificates.description import Description
from agent.config import Settings, TimestampAuthority
from agent.errors import CertificateDamaged, TimestampUnavailable, TimestampUnconfigured, TimestampWrong
from agent.ipc.files import read_regular
from agent.timestamp.credentials import read_password
from agent.timestamp.request import Rejected, request, token_of
from agent.timestamp.token import MAX_TOKEN, Timestamp, WrongToken, verify_timestamp
from agent.timestamp.web import Unreached, Web

EACH_SECONDS = 10.0  # for one authority
WHOLE_SECONDS = 30.0  # for all of them
MAX_CLOCK_DIFFERENCE = timedelta(days=1)  # of genTime to this machine's clock: beyond it, one of them is quite wrong
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"  # RFC 3161 section 3.4
_NONCE_BITS = 64
_MAX_ANCHORS = 16 << 20  # octets of a file with certificates

# leaf, others, anchors (DER), moment -> why there is no path; `trust.path.path_problem`
PathProblem = Callable[[Description, Sequence[bytes], Sequence[bytes], datetime], str | None]
ReadAnchors = Callable[[bytes], tuple[bytes, ...]]  # content of a file; `trust.anchors.read_anchors`

_log = logging.getLogger("pero.timestamp")


class TimestampClient:
    """`settings` are read anew for each time-stamp; `environment` may name proxies."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        environment: Mapping[str, str],
        now: Callable[[], datetime],
        path_problem: PathProblem,
        read_anchors: ReadAnchors,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._now = now
        self._path_problem = path_problem
        self._read_anchors = read_anchors

    async def stamp(self, octets: bytes, digest_algorithm: str) -> bytes:
        """DER of a TimeStampToken over the octets, verified. `digest_algorithm` is a name in algorithms.DIGESTS; an
        authority whose settings name another one gets that.

        Raises TimestampUnconfigured, TimestampUnavailable, TimestampWrong, SettingsDamaged.
        """
        settings = self._settings()
        if not settings.timestamp_authorities:
            raise TimestampUnconfigured(possible_level="b")
        tried: list[tuple[str, str]] = []
        wrong = False
        async with Web(settings.proxy, self._environment) as web:
            end = asyncio.get_running_loop().time() + WHOLE_SECONDS
            for authority in settings.timestamp_authorities:
                left = end - asyncio.get_running_loop().time()
                name = name_of(authority)
                try:
                    return await self._ask(web, authority, octets, digest_algorithm, min(left, EACH_SECONDS))
                except WrongToken as error:
                    wrong = True
                    reason = error.reason
                    _log.error("timestamp_wrong authority=%s reason=%s", name, reason)
                except Unreached as error:
                    reason = error.reason
                    _log.warning("timestamp_unavailable authority=%s reason=%s", name, reason)
                tried.append((name, reason))
        facts = "; ".join(f"{name}={reason}" for name, reason in tried)
        kind = TimestampWrong if wrong else TimestampUnavailable
        raise kind(tried=facts, possible_level="b")

    async def _ask(
        self, web: Web, authority: TimestampAuthority, octets: bytes, digest_algorithm: str, seconds: float
    ) -> bytes:
        """Raises Unreached, WrongToken."""
        algorithm = digest_named(authority.digest or digest_algorithm)
        imprint = new_digest(algorithm.name, octets).digest()
        nonce = secrets.randbits(_NONCE_BITS)
        anchors = self._anchors(authority)
        login = (authority.user, read_password(authority.password_file)) if authority.user else None
        query = request(algorithm, imprint, nonce, authority.policy)
        answer = await web.post(authority.url, query, _QUERY, _REPLY, limit=MAX_TOKEN, seconds=seconds, login=login)
        try:
            token = token_of(answer.body)
        except Rejected as error:
            raise Unreached("rejected") from error
        except WrongToken as error:
            if answer.media_type != _REPLY:  # a page of a proxy, of a network that wants a login
                raise Unreached("media_type") from error
            raise
        stamp = verify_timestamp(token, octets)
        await self._check(stamp, authority, algorithm.name, nonce, anchors)
        return token

    async def _check(
        self, stamp: Timestamp, authority: TimestampAuthority, digest: str, nonce: int, anchors: tuple[bytes, ...]
    ) -> None:
        """What only the one who asked can know. Raises WrongToken."""
        if stamp.digest_algorithm != digest:
            raise WrongToken("imprint")
        if stamp.nonce != nonce:
            raise WrongToken("nonce")
        if authority.policy and stamp.policy != authority.policy:
            raise WrongToken("policy")
        if abs(stamp.moment - self._now()) > MAX_CLOCK_DIFFERENCE:
            raise WrongToken("time")
        if authority.anchors:
            others = stamp.certificates
            problem = await asyncio.to_thread(self._path_problem, stamp.certificate, others, anchors, stamp.moment)
            if problem is not None:
                raise WrongToken("untrusted")

    def _anchors(self, authority: TimestampAuthority) -> tuple[bytes, ...]:
        """Raises Unreached: nothing is asked of an authority whose answer could not be judged."""
        if not authority.anchors:
            return ()
        try:
            return self._read_anchors(read_regular(authority.anchors, _MAX_ANCHORS))
        except (OSError, ValueError, CertificateDamaged) as error:
            raise Unreached("anchors_file") from error


def name_of(authority: TimestampAuthority) -> str:
    """For people, and without the signs that set the facts of an error apart."""
    name = authority.name or urlsplit(authority.url).netloc.rpartition("@")[2]
    return name.replace("=", " ").replace(";", " ")
