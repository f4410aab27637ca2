"""What becomes of a signature whose level cannot be had: who is asked, for how long, and what is kept meanwhile."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.certificates.description import Description, describe
from agent.cms.formats import Completed, Material
from agent.consent.prompter import Remedy
from agent.errors import PeroError, RevocationUnavailable, TimestampUnavailable
from agent.signing import levels
from agent.signing.levels import Ask, Levels
from agent.signing.options import Level, SignatureOptions
from tests.harness.keyfiles import certificate_for, new_key

NOW = datetime.datetime.now(datetime.UTC)


class Signature:
    """One that remembers what was put to it."""

    def __init__(self, value: bytes = b"signature") -> None:
        self.value = value
        self.stamped = b"value"

    def with_timestamp(self, token: bytes) -> Completed:
        return Signature(self.value + b"+" + token)

    def with_material(self, material: Material) -> Completed:
        return Signature(self.value + b"+" + material.crls[0])


class Services:
    """Authorities that fail as often as they are told; what they were asked is kept."""

    def __init__(self, stamps: int = 0, materials: int = 0) -> None:
        self.failing = {"stamp": stamps, "material": materials}
        self.asked: list[tuple[str, tuple[bytes, ...]]] = []

    async def stamp(self, octets: bytes, digest_algorithm: str) -> bytes:
        self._ask("stamp", (octets,), TimestampUnavailable())
        return b"token"

    async def material(self, certificate: bytes, chain: Sequence[bytes], tokens: Sequence[bytes]) -> Material:
        self._ask("material", tuple(tokens), RevocationUnavailable())
        return Material(crls=(b"list",))

    async def reachable(self) -> None: ...

    def _ask(self, kind: str, given: tuple[bytes, ...], error: PeroError) -> None:
        self.asked.append((kind, given))
        self.failing[kind] -= 1
        if self.failing[kind] >= 0:
            raise error


@pytest.fixture(scope="module")
def certificate() -> Description:
    return describe(certificate_for(new_key("p256").public_key(), "Signer").public_bytes(Encoding.DER))


def says(*answers: Remedy) -> tuple[Ask, list[tuple[str, Level]]]:
    left, told = list(answers), cast("list[tuple[str, Level]]", [])

    async def ask(error: PeroError, reached: Level) -> Remedy:
        told.append((error.name, reached))
        return left.pop(0)

    return ask, told


async def raised(
    services: Services, certificate: Description, ask: Ask | None, *, fallback: bool = False
) -> tuple[bytes, Level]:
    options = SignatureOptions(level="lt", fallback=fallback)
    made, level = await Levels(services, services, services.reachable).raised(
        cast(Completed, Signature()), options, certificate, (), "sha256", "", ask
    )
    return made.value, level


async def test_what_failed_is_asked_for_again_and_a_time_stamp_that_was_had_is_kept(certificate: Description) -> None:
    services, (ask, told) = Services(stamps=2, materials=1), says("again", "again", "again")
    assert await raised(services, certificate, ask) == (b"signature+token+list", "lt")
    assert told == [("timestamp_unavailable", "b")] * 2 + [("revocation_unavailable", "t")]
    assert services.asked == [("stamp", (b"value",))] * 3 + [("material", (b"token",))] * 2


async def test_what_is_kept_is_the_level_that_was_reached(certificate: Description) -> None:
    ask, _told = says("keep")
    assert await raised(Services(materials=1), certificate, ask) == (b"signature+token", "t")
    ask, _told = says("give_up")
    with pytest.raises(RevocationUnavailable) as failure:
        await raised(Services(materials=1), certificate, ask)
    assert failure.value.facts["possible_level"] == "t"


async def test_a_person_who_does_not_answer_is_not_waited_for(
    certificate: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the request itself says counts then."""
    monkeypatch.setattr(levels, "ASK_SECONDS", 0.01)

    async def silent(_error: PeroError, _reached: Level) -> Remedy:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(30):
        with pytest.raises(TimestampUnavailable):
            await raised(Services(stamps=1), certificate, silent)
        assert await raised(Services(stamps=1), certificate, silent, fallback=True) == (b"signature", "b")
