"""A PKCS#11 module that misbehaves as it is told: `tests/tokens/fault.c` in front of SoftHSM."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from agent.model import CertificateEntry, Listing
from agent.tokens.pool import TokenPool
from tests.harness.asker import Asker, asking
from tests.harness.places import algorithm_of, built_fault_module, verify
from tests.harness.softhsm import PIN, SoftHsm

DIGEST = hashlib.sha256(b"what is signed").digest()


class Shim:
    """The module that misbehaves, in front of one token with a P-256 key."""

    def __init__(self, directory: Path, token: SoftHsm) -> None:
        self.path = built_fault_module()
        self.token = token
        self._faults = directory / "faults"
        self._log = directory / "log"

    def does(self, *faults: str) -> None:
        self._faults.write_text("\n".join(faults) + "\n")
        self.forget()

    def behaves(self) -> None:
        self._faults.unlink()

    def forget(self) -> None:
        self._log.unlink(missing_ok=True)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []

    async def reached(self, call: str) -> None:
        """Wait until a call has begun."""
        async with asyncio.timeout(20):
            while call not in self.calls:
                await asyncio.sleep(0.01)


async def entry_in(pool: TokenPool, token: SoftHsm) -> CertificateEntry:
    return found(await pool.listing(), token)


def found(listing: Listing, token: SoftHsm) -> CertificateEntry:
    return next(entry for entry in listing.certificates if entry.thumbprint == token.identity.thumbprint)


async def sign(pool: TokenPool, entry: CertificateEntry, asker: Asker) -> bytes:
    return await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)


async def sign_well(pool: TokenPool, entry: CertificateEntry, shim: Shim) -> None:
    async with asking(PIN) as asker:
        verify(shim.token.identity, await sign(pool, entry, asker), DIGEST)
