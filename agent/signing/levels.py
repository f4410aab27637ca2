"""Levels above B: a time-stamp (T), and what a verifier needs later (LT).

What can be known before the person types a PIN is asked before. What fails after the signature was made is an error
that says which level is still possible; only a request that allows it (`fallback`) gets the lower level instead. A
person who sits there is asked first (`Ask`): nothing is lost yet, and the authority may be there in a minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from agent.certificates import extensions
from agent.certificates.description import Description
from agent.cms.formats import Completed, Material
from agent.consent.prompter import Remedy
from agent.errors import (
    IssuerUnavailable,
    PeroError,
    RevocationUnaddressed,
    RevocationUnavailable,
    TimestampUnavailable,
    TimestampUnconfigured,
    TimestampWrong,
)
from agent.signing.aside import aside
from agent.signing.options import Level, SignatureOptions

_LOWER = (  # errors that leave a lower level; a revoked certificate is none of them
    TimestampUnconfigured, TimestampUnavailable, TimestampWrong,
    RevocationUnavailable, RevocationUnaddressed, IssuerUnavailable,
)  # fmt: skip

ASK_SECONDS = 120.0  # for the person to say what becomes of a signature without its level

_log = logging.getLogger("pero.signing")


class Timestamps(Protocol):
    """`timestamp.client.TimestampClient` is one."""

    async def stamp(self, octets: bytes, digest_algorithm: str) -> bytes: ...


class Materials(Protocol):
    """`trust.material.MaterialClient` is one."""

    async def material(self, certificate: bytes, chain: Sequence[bytes], tokens: Sequence[bytes]) -> Material: ...


Ask = Callable[[PeroError, Level], Awaitable[Remedy]]  # what went wrong, the level reached so far
Reachable = Callable[[], Awaitable[None]]  # raises TimestampUnconfigured, TimestampUnavailable


class Levels:
    """Who is asked for what the levels above B need."""

    def __init__(self, timestamps: Timestamps, materials: Materials, reachable: Reachable) -> None:
        self._timestamps = timestamps
        self._materials = materials
        self._reachable = reachable

    async def check(self, options: SignatureOptions) -> None:
        """Before anybody is asked anything. Raises TimestampUnconfigured, TimestampUnavailable."""
        if options.level != "b" and not options.fallback:
            await self._reachable()

    async def raised(
        self,
        completed: Completed,
        options: SignatureOptions,
        certificate: Description,
        chain: Sequence[bytes],
        digest_algorithm: str,
        origin: str = "",
        ask: Ask | None = None,
    ) -> tuple[Completed, Level]:
        """The signature at the level asked for, or a lower one where the request or the person (`ask`) takes that. A
        time-stamp that was had is kept where what follows it is asked for once more.

        Raises what the time-stamp or the material could not be had for, with its fact `possible_level`.
        """
        reached: Level = "b"
        token = b""
        while reached != options.level:
            try:
                if reached == "b":
                    token = await self._timestamps.stamp(completed.stamped, digest_algorithm)
                    completed, reached = completed.with_timestamp(token), "t"
                else:
                    material = await self._materials.material(certificate.der, chain, (token,))
                    completed = await aside(True, partial(completed.with_material, material), origin)
                    reached = "lt"
            except _LOWER as error:
                remedy = await _remedy(with_level(error, reached), reached, options, ask)
                if remedy == "give_up":
                    raise error from error.__cause__
                if remedy == "keep":
                    _log.warning("level_lowered wanted=%s reached=%s error=%s", options.level, reached, error.name)
                    break
        return completed, reached


async def _remedy(error: PeroError, reached: Level, options: SignatureOptions, ask: Ask | None) -> Remedy:
    """The person's, if there is one who answers in time; else the request's."""
    if ask is not None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await ask(error, reached)
        except TimeoutError:
            pass
    return "keep" if options.fallback else "give_up"


def with_level(error: PeroError, level: Level) -> PeroError:
    error.facts["possible_level"] = level
    return error


def check_certificate(options: SignatureOptions, certificate: Description) -> None:
    """Before the PIN is used. Raises RevocationUnaddressed where the certificate can never have level LT."""
    if options.level == "lt" and not options.fallback and not names_revocation(certificate):
        raise RevocationUnaddressed(thumbprint=certificate.thumbprint, possible_level="t")


def names_revocation(certificate: Description) -> bool:
    """Whether it says where its state could be asked for."""
    try:
        found = extensions.of_certificate(certificate.der)
    except ValueError:
        return False
    return extensions.CRL_DISTRIBUTION_POINTS in found or extensions.AUTHORITY_INFORMATION_ACCESS in found
