"""A token that two programs use: what Pero does never logs the other out nor makes a signature of it fail, and what the
other does never logs out Pero (R10, R22)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import PyKCS11
import pytest

from agent.algorithms import algorithm_for, digest_for_key, new_digest
from agent.certificates.description import describe
from agent.errors import PinCancelled
from agent.model import CertificateEntry, TokenState
from agent.tokens.inventory import ObjectName
from agent.tokens.pool import TokenPool
from tests.contract.test_named_module import DOCUMENT, judge
from tests.harness.asker import asking
from tests.harness.gost_token import make_gost_token
from tests.harness.keyfiles import make_identity
from tests.harness.other_program import OtherProgram, other_program
from tests.harness.places import built_fault_module
from tests.harness.softhsm import make_softhsm
from tests.harness.virtual_card import PIN as CARD_PIN
from tests.harness.virtual_reader import OPENSC, virtual_readers

WRONG = "wrong-77"
DEADLINE = 150.0  # seconds; how fast a loaded machine loads a module is not what is tested here
LOGGED_IN = {PyKCS11.CKS_RO_USER_FUNCTIONS}


class Shared(NamedTuple):
    """A token with a key; what others need to use it."""

    module: str
    label: str
    pin: str
    mechanism: int
    renames: str = ""  # the kind of object whose label is changed


def gost(folder: Path, stack: contextlib.ExitStack) -> tuple[Shared, dict[str, str]]:
    token = make_gost_token(folder, label="shared")
    return Shared(token.module, "shared", token.pin, PyKCS11.CKM_GOSTR3410, "key"), token.environment


def soft(folder: Path, stack: contextlib.ExitStack) -> tuple[Shared, dict[str, str]]:
    token = make_softhsm(folder, "p256", label="shared")
    return Shared(token.module, "shared", token.pin, PyKCS11.CKM_ECDSA, "certificate"), token.environment


def card(folder: Path, stack: contextlib.ExitStack) -> tuple[Shared, dict[str, str]]:
    readers = stack.enter_context(virtual_readers())
    readers.card({"authentication": make_identity("p256")}).insert()
    return Shared(OPENSC, "", CARD_PIN.decode(), PyKCS11.CKM_ECDSA), readers.environment


PLACES = {"gost token": gost, "softhsm": soft, "smart card": card}


@pytest.fixture(scope="module", params=PLACES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        made, environment = PLACES[request.param](tmp_path_factory.mktemp("shared"), stack)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture
async def pool(shared: Shared, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [shared.module], tmp_path / "key-files", deadline=DEADLINE)
    yield pool
    await pool.close()


@pytest.fixture
async def entry(pool: TokenPool) -> CertificateEntry:
    async with asyncio.timeout(30):
        while not (found := [one for one in (await pool.listing()).certificates if one.has_key]):
            await asyncio.sleep(0.1)  # a service needs a moment to see a card
    return found[0]


@pytest.fixture
def other(shared: Shared, entry: CertificateEntry) -> Iterator[OtherProgram]:
    """Logged in and signing."""
    with other_program(shared.module, entry.token.label, shared.mechanism, shared.pin) as running:
        yield running


async def signed(pool: TokenPool, entry: CertificateEntry, *pins: str | None) -> None:
    """openssl accepts it."""
    description = describe(entry.der)
    algorithm = algorithm_for(description.key_type, digest_for_key(description.key_type, description.bits))
    digest = new_digest(algorithm.digest.name, DOCUMENT).digest()
    async with asking(*pins) as asker:
        signature = await pool.sign(entry, algorithm, digest, asker.source)
    judge(description, algorithm.digest.name, digest, signature)


async def ask(other: OtherProgram, order: str) -> str:
    return await asyncio.to_thread(other.says, order)


async def undisturbed(other: OtherProgram) -> None:
    """It has signed since the last look, and nothing else happened to it."""
    before = (await asyncio.to_thread(other.report)).signatures
    while (report := await asyncio.to_thread(other.report)).signatures <= before + 2 and not report.failures:
        pass
    assert report.failures == []
    assert set(report.states) == LOGGED_IN


async def killed(pool: TokenPool, module: str) -> None:
    os.kill(pool.worker_processes()[module], signal.SIGKILL)
    async with asyncio.timeout(30):
        while pool.worker_processes():
            await asyncio.sleep(0.01)


async def renamed(pool: TokenPool, token: TokenState, shared: Shared) -> None:
    """Not the key that the other uses where that is SoftHSM's: a process whose object another one writes may lose it
    for ever, whoever writes (C_Sign is CKR_OBJECT_HANDLE_INVALID then)."""
    for label in ("another", "key"):
        async with asking(shared.pin) as asker:
            await pool.management.rename(token, ObjectName(shared.renames, "01"), label, asker.source)


async def test_another_program_stays_logged_in_whatever_is_done_here(
    pool: TokenPool, shared: Shared, entry: CertificateEntry, other: OtherProgram
) -> None:
    await pool.listing()
    await undisturbed(other)
    await signed(pool, entry, shared.pin)
    await undisturbed(other)
    await signed(pool, entry, WRONG[: len(shared.pin)], shared.pin)
    await undisturbed(other)
    with pytest.raises(PinCancelled):
        await signed(pool, entry, None)
    await undisturbed(other)
    with pytest.raises(PinCancelled):
        await signed(pool, entry, WRONG[: len(shared.pin)], None)
    await undisturbed(other)
    if shared.renames:
        await renamed(pool, entry.token, shared)
        await undisturbed(other)
    await signed(pool, entry, shared.pin)  # gives back the try that was spent


async def test_another_program_stays_logged_in_when_a_worker_is_killed(
    pool: TokenPool, shared: Shared, entry: CertificateEntry, other: OtherProgram
) -> None:
    await killed(pool, shared.module)
    await undisturbed(other)
    await pool.listing()
    async with asking() as asker:  # killed while it waits for a PIN
        signing = asyncio.create_task(
            pool.sign(entry, algorithm_for("ec", digest_for_key("ec", 256)), bytes(32), asker.source)
            if describe(entry.der).key_type == "ec"
            else pool.management.rename(entry.token, ObjectName("key", "01"), "key", asker.source)
        )
        await asker.asked.wait()
        await killed(pool, shared.module)
        await asyncio.wait([signing])
        assert signing.exception() is not None
    await undisturbed(other)
    await signed(pool, entry, shared.pin)
    await undisturbed(other)


@pytest.mark.parametrize(
    ("call", "order"), [("C_FindObjectsInit", "logout"), ("C_SignInit", "leave"), ("C_Sign", "logout")]
)
async def test_the_other_program_may_log_out_between_our_login_and_our_signature(
    shared: Shared, entry: CertificateEntry, other: OtherProgram, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, call: str, order: str,
) -> None:  # fmt: skip
    """Our call waits, the other goes, our call goes on."""
    module, faults, log = built_fault_module(), tmp_path / "faults", tmp_path / "log"
    for name, value in {"MODULE": shared.module, "FILE": str(faults), "LOG": str(log)}.items():
        monkeypatch.setenv(f"PERO_FAULT_{name}", value)
    ours = TokenPool(lambda: [module], tmp_path / "none")
    try:
        async with asyncio.timeout(30):
            while not (found := [one for one in (await ours.listing()).certificates if one.has_key]):
                await asyncio.sleep(0.1)
        faults.write_text(f"{call} until\n")
        log.unlink()
        signing = asyncio.create_task(signed(ours, found[0], shared.pin))
        async with asyncio.timeout(30):
            while not after_login(log, call):
                await asyncio.sleep(0.01)
                assert not signing.done()
        await ask(other, order)
        faults.with_name("faults.go").touch()
        await signing
    finally:
        await ours.close()


def after_login(log: Path, call: str) -> bool:
    calls = log.read_text().split() if log.exists() else []
    return "C_Login" in calls and call in calls[calls.index("C_Login") :]
