"""Thirty-two signatures asked at once, of four kinds of places in one pool: all succeed (R10)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.algorithms import algorithm_for, digest_for_key, new_digest
from agent.certificates.description import describe
from agent.model import CertificateEntry
from agent.tokens.pool import TokenPool
from tests.contract.test_named_module import judge
from tests.harness.asker import asking
from tests.harness.gost_token import make_gost_token
from tests.harness.keyfiles import make_identity, make_key_file
from tests.harness.softhsm import MODULE, make_softhsm
from tests.harness.virtual_card import PIN as CARD_PIN
from tests.harness.virtual_reader import OPENSC, virtual_readers

AT_ONCE = 32


class Mixed(NamedTuple):
    modules: tuple[str, ...]
    pins: dict[str, str]  # by module; of key files their passphrase
    key_files: Path
    passphrase: str
    file: Path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    folder = tmp_path_factory.mktemp("mixed")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        readers = stack.enter_context(virtual_readers())
        readers.card({"authentication": make_identity("p256"), "signature": make_identity("rsa2048")}).insert()
        (folder / "soft").mkdir()
        soft = make_softhsm(folder / "soft", "rsa2048", label="soft")
        gost = make_gost_token(folder / "gost", label="gost")
        file = make_key_file(folder, "p384", name="signer.p12")
        for name, value in (readers.environment | soft.environment | gost.environment).items():
            patch.setenv(name, value)
        pins = {MODULE: soft.pin, gost.module: gost.pin, OPENSC: CARD_PIN.decode()}
        yield Mixed(tuple(pins), pins, folder / "kept", file.passphrase, file.path)


async def test_thirty_two_signatures_at_once_all_succeed(mixed: Mixed) -> None:
    pool = TokenPool(lambda: mixed.modules, mixed.key_files)
    try:
        async with asking(mixed.passphrase) as asker:
            await pool.add_key_file(mixed.file.read_bytes(), mixed.file.name, asker.source)
        entries = await entries_of(pool)
        assert len({entry.token.module for entry in entries}) == 4
        async with asyncio.timeout(300):
            await asyncio.gather(*(signed(pool, mixed, entries[number % len(entries)]) for number in range(AT_ONCE)))
    finally:
        await pool.close()


async def entries_of(pool: TokenPool) -> list[CertificateEntry]:
    """One of each place, two of the card."""
    async with asyncio.timeout(60):
        while True:
            listing = await pool.listing()
            found = [one for one in listing.certificates if one.has_key]
            if len(found) == 5:
                return found
            await asyncio.sleep(0.1)  # a service needs a moment to see a card


async def signed(pool: TokenPool, mixed: Mixed, entry: CertificateEntry) -> None:
    description = describe(entry.der)
    algorithm = algorithm_for(description.key_type, digest_for_key(description.key_type, description.bits))
    digest = new_digest(algorithm.digest.name, b"one of many").digest()
    async with asking(mixed.pins.get(entry.token.module, mixed.passphrase)) as asker:
        signature = await pool.sign(entry, algorithm, digest, asker.source)
        assert len(asker.questions) == 1
    judge(description, algorithm.digest.name, digest, signature)
