"""Whether a time-stamp could be had: asked before anybody types a PIN for a signature that wants one."""

from __future__ import annotations

from collections.abc import Mapping

from agent.config import Settings
from agent.errors import TimestampUnavailable, TimestampUnconfigured
from agent.timestamp.client import name_of
from agent.timestamp.web import Unreached, Web

SECONDS = 3.0  # for one authority
_LIMIT = 64 << 10  # octets of an answer that nobody reads
_ANSWERED = (
    "http",
    "unauthorized",
    "redirected",
    "too_large",
    "media_type",
    "broken",
)  # somebody is there, and wants a request


async def check_reachable(settings: Settings, environment: Mapping[str, str]) -> None:
    """Ask the authorities in their order for anything at all, until one answers. Nothing of a signature is sent.

    Raises TimestampUnconfigured, TimestampUnavailable.
    """
    if not settings.timestamp_authorities:
        raise TimestampUnconfigured(possible_level="b")
    tried = []
    async with Web(settings.proxy, environment) as web:
        for authority in settings.timestamp_authorities:
            try:
                await web.get(authority.url, limit=_LIMIT, seconds=SECONDS)
            except Unreached as error:
                if error.reason.split()[0] not in _ANSWERED:
                    tried.append(f"{name_of(authority)}={error.reason}")
                    continue
            return
    raise TimestampUnavailable(tried="; ".join(tried), possible_level="b")
