"""What any module must do with the tokens that are in it: ``make contract MODULE=/usr/lib/librtpkcs11ecp.so``.

For a person with real hardware. The PIN is asked for at the terminal, or comes from the descriptor of ``--pin-fd``. It
is typed only at a token that says that all its tries are left, and never again once a token called it wrong. Nothing
is written: what somebody else's client (pkcs11-tool) sees before and after must be the same. The judge of signatures is
openssl, with the GOST engine.

Without a module it runs over those that every machine of the tests has: SoftHSM, the GOST token of the tests, and a
smart card behind a service of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.algorithms import algorithm_for, digest_for_key, new_digest
from agent.certificates.description import Description, describe
from agent.errors import PinCancelled
from agent.model import CertificateEntry, Listing
from agent.tokens.pool import TokenPool
from tests.harness import gost_token, softhsm, virtual_card
from tests.harness.asker import Asker, asking
from tests.harness.keyfiles import make_identity
from tests.harness.other_program import other_program
from tests.harness.virtual_reader import virtual_readers

DOCUMENT = b"a document of the contract"
OPENSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
STAND_INS = ("softhsm", "gost token", "smart card")


class Named(NamedTuple):
    """A module with at least one token that signs; all its tokens have this PIN."""

    path: str
    pin: str


@pytest.fixture(scope="module")
def named(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    if request.config.getoption("module"):
        yield Named(request.config.getoption("module"), pin_of_person(request.config))
        return
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        module, pin, environment = stand_in(request.param, tmp_path_factory.mktemp("token"), stack)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Named(module, pin)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "named" in metafunc.fixturenames:
        names = [metafunc.config.getoption("module")] if metafunc.config.getoption("module") else STAND_INS
        metafunc.parametrize("named", names, indirect=True, scope="module")


def pin_of_person(config: pytest.Config) -> str:
    given = config.getoption("pin_fd")
    if given is None:
        return getpass.getpass("PIN: ")
    with os.fdopen(os.dup(given)) as lines:
        return lines.readline().rstrip("\r\n")


def stand_in(name: str, folder: Path, stack: contextlib.ExitStack) -> tuple[str, str, dict[str, str]]:
    """Path, PIN, environment."""
    if name == "softhsm":
        for key in ("rsa2048", "p256"):
            token = softhsm.make_softhsm(folder, key, label=key)
        return token.module, token.pin, token.environment
    if name == "gost token":
        for key in ("gost256-A", "gost512-A"):
            made = gost_token.make_gost_token(folder, key, label=key, name=key)
        return made.module, made.pin, made.environment
    readers = stack.enter_context(virtual_readers())
    readers.card({"authentication": make_identity("rsa2048"), "signature": make_identity("p256")}).insert()
    return OPENSC, virtual_card.PIN.decode(), readers.environment


@pytest.fixture
async def pool(named: Named, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [named.path], tmp_path / "key-files")
    yield pool
    await pool.close()


def seen_by_others(named: Named) -> list[bytes]:
    """Tokens with their flags, and objects: pkcs11-tool without a login, line by line."""
    slots = _pkcs11_tool(named, "--list-token-slots")
    for _ in range(100):
        if b"token label" in slots:
            break
        time.sleep(0.1)  # a service needs a moment to see a card
        slots = _pkcs11_tool(named, "--list-token-slots")
    said = slots + _pkcs11_tool(named, "--list-objects")
    return sorted(re.sub(rb" object \d+", b" object", said).splitlines())  # numbered by handles


def _pkcs11_tool(named: Named, what: str) -> bytes:
    command = ["pkcs11-tool", "--module", named.path, what]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).stdout


@pytest.fixture(scope="module", autouse=True)
def before(named: Named) -> Iterator[list[bytes]]:
    """Whatever the tests do, no try is spent and there is no object more or less at the end."""
    seen = seen_by_others(named)
    yield seen
    assert seen_by_others(named) == seen


async def listing_of(pool: TokenPool) -> Listing:
    """With the token in it: a service may need a moment to see a card."""
    async with asyncio.timeout(30):
        while not (listing := await pool.listing()).tokens:
            await asyncio.sleep(0.1)
    return listing


async def signing_entries(pool: TokenPool) -> list[CertificateEntry]:
    entries = [entry for entry in (await listing_of(pool)).certificates if entry.has_key is not False]
    return [entry for entry in entries if not describe(entry.der).is_authority]


def asked_in_vain(asker: Asker) -> str:
    """Why nothing more may be typed; empty where the question is the first and all tries are left."""
    first, *more = asker.questions
    if more:
        return "the token says that the PIN is wrong: one try is spent, and no other will be"
    return "the token has not all its tries: nothing was typed" if first.count_low or first.final_try else ""


async def signed(pool: TokenPool, named: Named, entry: CertificateEntry) -> bytes:
    description = describe(entry.der)
    algorithm = algorithm_for(description.key_type, digest_for_key(description.key_type, description.bits))
    digest = new_digest(algorithm.digest.name, DOCUMENT).digest()
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm, digest, asker.source))
        while not signing.done():
            await asyncio.wait([signing, asyncio.create_task(asker.asked.wait())], return_when="FIRST_COMPLETED")
            if not signing.done():
                asker.asked.clear()
                reason = asked_in_vain(asker)
                asker.answer(None if reason else named.pin)
                if reason:
                    await asyncio.wait([signing])
                    signing.exception()
                    pytest.exit(reason)
        signature = await signing
        assert len(asker.questions) == 1
    judge(description, algorithm.digest.name, digest, signature)
    return signature


def judge(description: Description, digest_name: str, digest: bytes, signature: bytes) -> None:
    options = ("-pkeyopt", f"digest:{digest_name}") if description.key_type == "rsa" else ()
    engine = ("-engine", "gost") if description.key_type.startswith("gost") else ()
    with _file(description.public_key) as key, _file(signature) as value:
        said = gost_token.openssl_gost(
            "pkeyutl",
            *engine,
            "-verify",
            "-pubin",
            "-keyform",
            "DER",
            "-inkey",
            key,
            "-sigfile",
            value,
            *options,
            data=digest,
        )
    assert b"Verified Successfully" in said.stdout


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


async def test_the_module_says_what_it_is(named: Named, pool: TokenPool) -> None:
    (state,) = await pool.module_states()
    assert state.error is None, state.facts
    assert state.facts["manufacturer"]


async def test_each_token_is_listed_once(named: Named, pool: TokenPool) -> None:
    listing = await listing_of(pool)
    assert listing.faults == ()
    names = [(token.label, token.serial, token.model) for token in listing.tokens]
    assert len(set(names)) == len(names)
    assert {token.module for token in listing.tokens} == {named.path}


async def test_every_certificate_with_a_key_signs(named: Named, pool: TokenPool) -> None:
    entries = await signing_entries(pool)
    assert entries, "no certificate with a key to sign with"
    for entry in entries:
        await signed(pool, named, entry)


async def test_signatures_asked_at_once_all_succeed(named: Named, pool: TokenPool) -> None:
    entries = await signing_entries(pool)
    await asyncio.gather(*(signed(pool, named, entry) for entry in entries for _ in range(3)))


async def test_a_question_that_is_cancelled_costs_nothing(named: Named, pool: TokenPool) -> None:
    entry, *_ = await signing_entries(pool)
    description = describe(entry.der)
    algorithm = algorithm_for(description.key_type, digest_for_key(description.key_type, description.bits))
    async with asking(None) as asker:
        with pytest.raises(PinCancelled):
            await pool.sign(entry, algorithm, bytes(algorithm.digest.size), asker.source)
    await signed(pool, named, entry)


async def test_after_the_worker_was_killed_the_next_signature_works(named: Named, pool: TokenPool) -> None:
    entry, *_ = await signing_entries(pool)
    os.kill(pool.worker_processes()[named.path], signal.SIGKILL)
    async with asyncio.timeout(30):
        while pool.worker_processes():
            await asyncio.sleep(0.01)
    await signed(pool, named, entry)


async def test_somebody_else_who_uses_the_token_is_not_disturbed(named: Named, pool: TokenPool) -> None:
    """Another program looks at the token's objects while signatures are made, and sees what it always sees. Its
    sessions are open: SoftHSM itself hides a token from who starts while another logs in (tests/tokens/README.md)."""
    entry, *_ = await signing_entries(pool)
    with other_program(named.path) as other:
        usual = await asyncio.to_thread(other.look)
        assert usual
        signing = asyncio.gather(*(signed(pool, named, entry) for _ in range(3)))
        looks = []
        while not signing.done():
            looks.append(await asyncio.to_thread(other.look))
        await signing
        assert looks
        assert all(look == usual for look in looks)
