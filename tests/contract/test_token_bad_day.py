"""Every call that signing makes, with every fault it may have: a typed error for the one request and nothing worse.

The token is the one of `tests/tokens/gost*.c` with a P-256 key, whose PIN counter is real and outlives the process;
the module of faults stands in front of it. A second token (SoftHSM) is signed with while the first one's call hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509 import load_der_x509_certificate

from agent.errors import PeroError
from agent.model import CertificateEntry, Listing
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.gost_token import PIN, GostToken, make_gost_token
from tests.harness.places import HASHES, algorithm_of, built_fault_module
from tests.harness.shim import found, sign_well
from tests.harness.softhsm import MODULE, SoftHsm

DIGEST = hashlib.sha256(b"a document of the bad day").digest()
DEADLINE = 2.0  # seconds
CALLS = (
    "C_Initialize", "C_GetInfo", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList",
    "C_OpenSession", "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_Login",
    "C_SignInit", "C_Sign", "C_Logout", "C_CloseSession", "C_Finalize",
)  # fmt: skip
ANSWERS = {
    "CKR_GENERAL_ERROR": "rv 0x5",
    "CKR_DEVICE_REMOVED": "rv 0x32",
    "CKR_SESSION_HANDLE_INVALID": "rv 0xB3",
    "CKR_USER_NOT_LOGGED_IN": "rv 0x101",
    "CKR_TOKEN_NOT_PRESENT": "rv 0xE0",
    "CKR_OPERATION_ACTIVE": "rv 0x90",
    "an unknown vendor's code": "rv 0x80001234",
}
DEATHS = {"crash": "crash", "abort": "abort", "exit": "exit 0"}
ODDITIES = {"output": "print", "child": "fork", "slowness": "sleep 100"}
LIES = ("C_GetSlotList", "C_GetMechanismList", "C_FindObjects", "C_GetAttributeValue", "C_Sign")


class Behaving:
    """The module of faults in front of the token with the counter."""

    def __init__(self, token: GostToken, folder: Path) -> None:
        self.token = token
        self.path = built_fault_module()
        self._faults, self._log = folder / "faults", folder / "log"

    def does(self, fault: str) -> None:
        self._log.unlink(missing_ok=True)
        self._faults.write_text(fault + "\n")

    def behaves(self) -> None:
        self._faults.unlink(missing_ok=True)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []


@pytest.fixture(scope="module")
def gost_token(tmp_path_factory: pytest.TempPathFactory) -> GostToken:
    return make_gost_token(tmp_path_factory.mktemp("counted"), "p256", label="counted")


@pytest.fixture
def module(gost_token: GostToken, token: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Behaving:
    for name, value in {**gost_token.environment, **token.environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PERO_FAULT_MODULE", gost_token.module)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    return Behaving(gost_token, tmp_path)


@pytest.fixture
async def pool(module: Behaving, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [module.path, MODULE], tmp_path / "key-files", deadline=DEADLINE, idle=600)
    yield pool
    await pool.close()


async def entry_of(pool: TokenPool, token: GostToken) -> CertificateEntry:
    return counted(await pool.listing(), token)


def counted(listing: Listing, token: GostToken) -> CertificateEntry:
    return next(entry for entry in listing.certificates if entry.der == token.certificate)


async def one_signature(pool: TokenPool, entry: CertificateEntry) -> bytes:
    async with asking(PIN) as asker:
        return await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)


async def a_right_one(pool: TokenPool, entry: CertificateEntry) -> None:
    public = load_der_x509_certificate(entry.der).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(await one_signature(pool, entry), DIGEST, ec.ECDSA(utils.Prehashed(HASHES["sha256"])))


async def outcome(pool: TokenPool, module: Behaving, entry: CertificateEntry) -> set[str]:
    """The errors of a list and a signature while the fault lasts; each must be one of ours."""
    named = {fault.error for fault in (await pool.listing()).faults}
    try:
        await a_right_one(pool, entry)
    except PeroError as error:
        named.add(error.name)
    return named


async def without_worker(pool: TokenPool, module: Behaving) -> None:
    """End the module's worker, so that the next request starts one."""
    worker = pool._workers[module.path]
    psutil.Process(pool.worker_processes()[module.path]).kill()
    async with asyncio.timeout(30):
        while module.path in pool.worker_processes() or not worker._deaths:
            await asyncio.sleep(0.01)
    worker._deaths = 0  # this death was ours: no reason to wait before the next start


def tries_are_whole(token: GostToken) -> bool:
    """The flags of CK_TOKEN_INFO as somebody else's client reads them."""
    said = token.pkcs11_tool("--list-token-slots").stdout
    return b"low" not in said and b"final" not in said and b"locked" not in said


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def workers() -> int:
    """Of this process: other tests of it may have left other children."""
    found = 0
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += child.status() != psutil.STATUS_ZOMBIE and "agent.tokens.worker" in child.cmdline()
    return found


async def left_behind(descriptors: int) -> dict[str, int]:
    """Workers beyond the two, and open descriptors beyond so many, once what was killed has had time to go."""
    left = {}
    for _ in range(250):
        left = {"workers": workers() - 2, "descriptors": open_descriptors() - descriptors}
        if max(left.values()) <= 0:
            return {}
        await asyncio.sleep(0.02)
    return left


async def run_row(pool: TokenPool, module: Behaving, fault: str, *, deaths: bool = False) -> list[str]:
    """The fault in each call in turn; what was wrong in which cell."""
    wrong = []
    entry = await entry_of(pool, module.token)
    await without_worker(pool, module)
    await a_right_one(pool, entry)
    descriptors = open_descriptors()
    for call in CALLS:
        if call in ("C_Initialize", "C_GetInfo"):  # only made at the start of a worker
            await without_worker(pool, module)
        module.does(f"{call} {fault}")
        errors = await outcome(pool, module, entry)
        if module.calls.count("C_Login") > 1:
            wrong.append(f"{call}: C_Login was called {module.calls.count('C_Login')} times for one PIN")
        module.behaves()
        if call not in module.calls and call != "C_Finalize":
            wrong.append(f"{call}: was not called")
        if deaths and not errors and call != "C_Finalize":
            wrong.append(f"{call}: no error though the module was gone")
        try:
            await a_right_one(pool, await entry_of(pool, module.token))
        except (PeroError, RuntimeError) as worse:
            wrong.append(f"{call}: the next request failed with {worse!r} after {errors}")
    if not tries_are_whole(module.token):
        wrong.append("a PIN try was spent")
    left = await left_behind(descriptors)
    if left:
        wrong.append(f"left behind: {left}")
    return wrong


@pytest.mark.parametrize("answer", ANSWERS)
async def test_after_a_wrong_answer_of_any_call_the_next_request_succeeds(
    pool: TokenPool, module: Behaving, answer: str
) -> None:
    assert await run_row(pool, module, ANSWERS[answer]) == []


@pytest.mark.parametrize("death", DEATHS)
async def test_after_a_death_in_any_call_the_next_request_succeeds(
    pool: TokenPool, module: Behaving, death: str
) -> None:
    assert await run_row(pool, module, DEATHS[death], deaths=True) == []


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_a_module_that_is_only_odd_signs_all_the_same(pool: TokenPool, module: Behaving, oddity: str) -> None:
    entry = await entry_of(pool, module.token)
    for call in CALLS:
        module.does(f"{call} {ODDITIES[oddity]}")
        await a_right_one(pool, entry)
        module.behaves()
    for worker in pool.worker_processes().values():
        for child in psutil.Process(worker).children():
            child.kill()  # what the module left behind


@pytest.mark.parametrize("lie", [1, 1000, -1])
async def test_wrong_lengths_end_in_a_typed_error_or_a_right_signature(
    pool: TokenPool, module: Behaving, lie: int
) -> None:
    entry = await entry_of(pool, module.token)
    for call in LIES:
        module.does(f"{call} lie {lie}")
        await outcome(pool, module, entry)
        module.behaves()
        await a_right_one(pool, await entry_of(pool, module.token))
    assert tries_are_whole(module.token)


@pytest.mark.parametrize("calls", [CALLS[:6], CALLS[6:11], CALLS[11:]], ids=lambda calls: f"from {calls[0]}")
async def test_a_call_that_hangs_delays_no_other_token(
    pool: TokenPool, module: Behaving, token: SoftHsm, calls: tuple[str, ...]
) -> None:
    listing = await pool.listing()
    entry, other = counted(listing, module.token), found(listing, token)
    await sign_well_softhsm(pool, other, token)
    await without_worker(pool, module)
    await a_right_one(pool, entry)
    descriptors = open_descriptors()
    for call in calls:
        if call in ("C_Initialize", "C_GetInfo"):
            await without_worker(pool, module)
        module.does(f"{call} hang")
        async with asking(PIN) as asker:
            hanging = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
            if call != "C_Finalize":
                await reached(module, call, hanging)
            for _ in range(3):
                await sign_well_softhsm(pool, other, token)
            if call not in ("C_GetSlotInfo", "C_Finalize"):  # not among what a signature asks
                assert not hanging.done(), f"{call}: the other token waited until this one was given up"
            (ended,) = await asyncio.gather(hanging, return_exceptions=True)
            assert isinstance(ended, (PeroError, bytes)), f"{call}: {ended!r}"
        module.behaves()
        await a_right_one(pool, await entry_of(pool, module.token))
    assert tries_are_whole(module.token)
    assert await left_behind(descriptors) == {}


async def reached(module: Behaving, call: str, request: asyncio.Task[bytes]) -> None:
    async with asyncio.timeout(30):
        while call not in module.calls and not request.done():
            await asyncio.sleep(0.01)


async def sign_well_softhsm(pool: TokenPool, entry: CertificateEntry, token: SoftHsm) -> None:
    class Behind:
        def __init__(self) -> None:
            self.token = token

    await sign_well(pool, entry, Behind())  # type: ignore[arg-type]


async def test_a_token_pulled_out_between_question_and_pin_is_told_and_comes_back(
    pool: TokenPool, module: Behaving
) -> None:
    entry = await entry_of(pool, module.token)
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        module.does("token gone")
        asker.answer(PIN)
        with pytest.raises(PeroError) as raised:
            await signing
    assert raised.value.name == "token_absent"
    assert "C_Login" not in module.calls
    module.behaves()
    await a_right_one(pool, await entry_of(pool, module.token))


async def test_32_signatures_asked_at_once_all_succeed(pool: TokenPool, module: Behaving) -> None:
    entry = await entry_of(pool, module.token)
    public = load_der_x509_certificate(entry.der).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signatures = await asyncio.gather(*(one_signature(pool, entry) for _ in range(32)))
    for signature in signatures:
        public.verify(signature, DIGEST, ec.ECDSA(utils.Prehashed(HASHES["sha256"])))
    assert len(set(signatures)) == 32


async def test_a_wrong_pin_is_tried_once_and_no_more(pool: TokenPool, module: Behaving) -> None:
    """The other side of the table: the counter that it reads does move."""
    entry = await entry_of(pool, module.token)
    module.does("C_Nothing print")
    try:
        async with asking("wrong-pin", None) as asker:
            with pytest.raises(PeroError):
                await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)
            assert [question.retry for question in asker.questions] == [False, True]
        assert module.calls.count("C_Login") == 1
    finally:
        module.behaves()
        await a_right_one(pool, entry)  # the counter is whole again
