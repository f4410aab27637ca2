"""The bad day of a PKCS#11 module: a shim in front of SoftHSM hangs, crashes, lies and prints as it is told.

The shim's log says which calls reached the module: the proof that a try was spent, or was not.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from agent.errors import (
    KeyAbsent,
    MechanismUnsupported,
    ModuleUnloadable,
    PeroError,
    PinIncorrect,
    PinLength,
    PinLocked,
    PinNotSet,
    TokenAbsent,
    TokenFailed,
    WorkerDied,
    WorkerHung,
)
from agent.ipc.pin import PinSource
from agent.model import CertificateEntry, Listing
from agent.tokens.pool import TokenPool
from tests.harness.asker import Asker, asking
from tests.harness.keyfiles import make_identity
from tests.harness.places import algorithm_of, built_fault_module, opened, verify
from tests.harness.softhsm import MODULE, PIN, SoftHsm, add_certificate, add_key, make_softhsm

DIGEST = hashlib.sha256(b"what is signed").digest()
LOCKED, FINAL_TRY, COUNT_LOW, INITIALIZED, PROTECTED_PATH = "0x40000", "0x20000", "0x10000", "0x8", "0x100"


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


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    return make_softhsm(tmp_path_factory.mktemp("token"), "p256")


@pytest.fixture
def shim(token: SoftHsm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shim:
    monkeypatch.setenv("SOFTHSM2_CONF", str(token.conf))
    monkeypatch.setenv("PERO_FAULT_MODULE", MODULE)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    return Shim(tmp_path, token)


@pytest.fixture
async def pool(shim: Shim, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files", deadline=1.0)
    yield pool
    await pool.close()


async def entry_in(pool: TokenPool, token: SoftHsm) -> CertificateEntry:
    return found(await pool.listing(), token)


def found(listing: Listing, token: SoftHsm) -> CertificateEntry:
    return next(entry for entry in listing.certificates if entry.thumbprint == token.identity.thumbprint)


async def sign(pool: TokenPool, entry: CertificateEntry, asker: Asker) -> bytes:
    return await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)


async def sign_well(pool: TokenPool, entry: CertificateEntry, shim: Shim) -> None:
    async with asking(PIN) as asker:
        verify(shim.token.identity, await sign(pool, entry, asker), DIGEST)


async def test_a_module_that_hangs_while_signing_is_killed_and_the_next_signature_works(
    shim: Shim, pool: TokenPool
) -> None:
    entry = await entry_in(pool, shim.token)
    worker = psutil.Process(pool.worker_processes()[shim.path])
    shim.does("C_Sign hang")
    async with asking(PIN) as asker, asking() as other:
        waiting = asyncio.create_task(sign(pool, entry, other))
        await other.asked.wait()
        with pytest.raises(WorkerHung) as raised:
            await sign(pool, entry, asker)
        with pytest.raises(WorkerHung):
            await waiting
        await asyncio.wait_for(other.ended.wait(), 10)
    assert raised.value.facts == {"module": shim.path, "seconds": 1}
    assert not worker.is_running()
    shim.behaves()
    await sign_well(pool, entry, shim)


async def test_a_worker_killed_while_signing_is_reported(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_Sign hang")
    async with asking(PIN) as asker:
        signing = asyncio.create_task(sign(pool, entry, asker))
        await shim.reached("C_Sign")
        os.kill(pool.worker_processes()[shim.path], signal.SIGKILL)
        with pytest.raises(WorkerDied) as raised:
            await signing
    assert raised.value.facts["signal"] == "SIGKILL"
    shim.behaves()
    await sign_well(pool, entry, shim)


@pytest.mark.parametrize(
    ("fault", "facts"),
    [
        ("crash", {"signal": "SIGSEGV", "exit_status": None}),
        ("abort", {"signal": "SIGABRT", "exit_status": None}),
        ("exit 7", {"signal": None, "exit_status": 7}),
        ("exit 0", {"signal": None, "exit_status": 0}),
    ],
)
@pytest.mark.parametrize("call", ["C_Login", "C_Sign"])
async def test_a_module_that_takes_its_process_down_is_reported(
    shim: Shim, pool: TokenPool, call: str, fault: str, facts: dict[str, object]
) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(f"{call} {fault}")
    async with asking(PIN) as asker:
        with pytest.raises(WorkerDied) as raised:
            await sign(pool, entry, asker)
    assert raised.value.facts == {"module": shim.path, **facts}
    shim.behaves()
    await sign_well(pool, entry, shim)


async def test_a_module_that_hangs_does_not_delay_the_others(shim: Shim, tmp_path: Path) -> None:
    modules = [shim.path]
    async with opened(TokenPool(lambda: modules, tmp_path / "key-files")) as pool:
        behind_shim = await entry_in(pool, shim.token)
        modules.insert(0, MODULE)
        direct = await entry_in(pool, shim.token)
        assert direct.token.module == MODULE
        shim.does("C_Sign hang")
        async with asking(PIN) as asker:
            hanging = asyncio.create_task(sign(pool, behind_shim, asker))
            await shim.reached("C_Sign")
            await sign_well(pool, direct, shim)
            os.kill(pool.worker_processes()[shim.path], signal.SIGKILL)
            with pytest.raises(WorkerDied):
                await hanging


@pytest.mark.parametrize("call", ["C_Initialize", "C_GetSlotList", "C_FindObjects"])
async def test_a_module_that_hangs_in_a_list_is_a_row_of_the_list(shim: Shim, tmp_path: Path, call: str) -> None:
    async with opened(TokenPool(lambda: [shim.path, MODULE], tmp_path / "key-files", deadline=2.0)) as pool:
        shim.does(f"{call} hang")
        listing = await pool.listing()
        assert [(fault.module, fault.error) for fault in listing.faults] == [(shim.path, WorkerHung.name)]
        assert found(listing, shim.token).token.module == MODULE


@pytest.mark.parametrize("call", ["C_Initialize", "C_GetSlotList", "C_Login", "C_Sign"])
async def test_a_module_that_prints_does_not_disturb_the_protocol(shim: Shim, pool: TokenPool, call: str) -> None:
    shim.does(f"{call} print")
    entry = await entry_in(pool, shim.token)
    await sign_well(pool, entry, shim)
    assert call in shim.calls or call == "C_Initialize"


async def test_what_a_module_prints_is_shown_nowhere(
    shim: Shim, pool: TokenPool, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may be a PIN."""
    shim.does("C_Login print")
    await sign_well(pool, await entry_in(pool, shim.token), shim)
    assert capfd.readouterr() == ("", "")


async def test_a_module_that_keeps_dying_is_not_started_each_time(shim: Shim, pool: TokenPool) -> None:
    shim.does("C_GetSlotList crash")
    for _ in range(6):
        assert [fault.error for fault in (await pool.listing()).faults] == [WorkerDied.name]
    assert shim.calls.count("C_Initialize") == 3


async def test_a_locked_token_is_said_without_asking(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(f"C_GetTokenInfo set {LOCKED}")
    async with asking(PIN) as asker:
        with pytest.raises(PinLocked) as raised:
            await sign(pool, entry, asker)
        await asker.ended.wait()
    assert raised.value.facts == {"token": shim.token.label}
    assert asker.questions == []
    assert asker.failure is not None
    assert asker.failure.error == PinLocked.name
    assert "C_Login" not in shim.calls
    assert (await entry_in(pool, shim.token)).token.pin_locked


async def test_a_token_that_locks_at_this_pin_ends_the_conversation(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_Login rv 0xA4")
    async with asking(PIN, PIN) as asker:
        with pytest.raises(PinLocked):
            await sign(pool, entry, asker)
        await asker.ended.wait()
    assert len(asker.questions) == 1
    assert asker.failure is not None
    assert asker.failure.error == PinLocked.name
    assert shim.calls.count("C_Login") == 1


async def test_the_flags_of_the_token_are_told_before_each_try(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(f"C_GetTokenInfo set {COUNT_LOW}")
    async with asking("00000000") as asker:
        signing = asyncio.create_task(sign(pool, entry, asker))
        await shim.reached("C_Login")
        while len(asker.questions) < 2:
            asker.asked.clear()
            await asker.asked.wait()
        shim.does(f"C_GetTokenInfo set {COUNT_LOW}", f"C_GetTokenInfo set {FINAL_TRY}")
        asker.answer("11111111")
        while len(asker.questions) < 3:
            asker.asked.clear()
            await asker.asked.wait()
        asker.answer(PIN)
        verify(shim.token.identity, await signing, DIGEST)
    told = [(question.count_low, question.final_try, question.tries_left) for question in asker.questions]
    assert told == [(True, False, None), (True, False, None), (True, True, 1)]


async def test_a_user_pin_that_was_never_set_is_said(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(f"C_GetTokenInfo clear {INITIALIZED}")
    async with asking(PIN) as asker:
        with pytest.raises(PinNotSet):
            await sign(pool, entry, asker)
    assert asker.questions == []


async def test_lengths_are_checked_before_a_try_is_spent(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_GetTokenInfo pin 6 8")
    async with asking("12345", "123456789", "пинпин", PIN) as asker:  # the third is twelve bytes long
        verify(shim.token.identity, await sign(pool, entry, asker), DIGEST)
    assert [question.error for question in asker.questions] == ["", *[PinLength.name] * 3]
    assert asker.questions[1].facts == {"minimum": 6, "maximum": 8}
    assert shim.calls.count("C_Login") == 1


async def test_a_length_that_only_the_token_knows_is_asked_again(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_Login rv 0xA2")
    async with asking("1234", None) as asker:
        with pytest.raises(PeroError):
            await sign(pool, entry, asker)
    assert [question.error for question in asker.questions] == ["", PinLength.name]


@pytest.mark.parametrize(("pin", "error", "logins"), [("00000000", PinIncorrect, 1), ("1", PinLength, 0)])
async def test_a_descriptor_spends_one_try_at_most(
    shim: Shim, pool: TokenPool, tmp_path: Path, pin: str, error: type[PeroError], logins: int
) -> None:
    entry = await entry_in(pool, shim.token)
    shim.forget()
    (tmp_path / "pin").write_text(f"{pin}\n{PIN}\n")
    source = PinSource("descriptor", os.open(tmp_path / "pin", os.O_RDONLY))
    with pytest.raises(error):
        await pool.sign(entry, algorithm_of("p256"), DIGEST, source)
    assert shim.calls.count("C_Login") == logins


async def test_the_token_is_logged_in_only_for_the_signature(shim: Shim, pool: TokenPool) -> None:
    shim.forget()
    entry = await entry_in(pool, shim.token)
    assert "C_Login" not in shim.calls
    shim.forget()
    await sign_well(pool, entry, shim)
    order = [call for call in shim.calls if call in ("C_Login", "C_Sign", "C_Logout", "C_CloseSession")]
    assert order == ["C_Login", "C_Sign", "C_Logout", "C_CloseSession"]


async def test_a_login_left_over_does_not_let_a_wrong_pin_through(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_Logout rv 0", "C_CloseSession rv 0")  # both lie: the token stays logged in
    await sign_well(pool, entry, shim)
    shim.behaves()
    shim.forget()
    async with asking("00000000", PIN) as asker:
        verify(shim.token.identity, await sign(pool, entry, asker), DIGEST)
    assert [question.retry for question in asker.questions] == [False, True]
    assert shim.calls.count("C_Login") == 3  # already logged in, wrong, right


async def test_a_logout_that_never_works_signs_nothing(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does("C_Login rv 0x100")
    async with asking(PIN) as asker:
        with pytest.raises(TokenFailed) as raised:
            await sign(pool, entry, asker)
    assert raised.value.facts["return_code"] == "CKR_USER_ALREADY_LOGGED_IN"
    assert "C_Sign" not in shim.calls


@pytest.mark.parametrize(
    ("fault", "error", "facts"),
    [
        ("C_Sign rv 0x30", TokenFailed, {"operation": "C_Sign", "return_code": "CKR_DEVICE_ERROR"}),
        ("C_Sign after 0x80000123", TokenFailed, {"return_code": "CKR_VENDOR_DEFINED+0x123"}),
        ("C_SignInit rv 0x68", TokenFailed, {"return_code": "CKR_KEY_FUNCTION_NOT_PERMITTED"}),
        ("C_SignInit rv 0x70", MechanismUnsupported, {"algorithm": "ecdsa-sha256"}),
        ("C_Sign rv 0x32", TokenAbsent, {"token": "Test token"}),
        ("C_OpenSession rv 0xE0", TokenAbsent, {}),
        ("C_GetTokenInfo rv 0x5", TokenAbsent, {"token": "Test token"}),
        ("C_FindObjectsInit rv 0x5", TokenFailed, {"operation": "C_FindObjects", "return_code": "CKR_GENERAL_ERROR"}),
    ],
)
async def test_a_call_that_fails_is_told_and_does_not_spoil_the_next(
    shim: Shim, pool: TokenPool, fault: str, error: type[PeroError], facts: dict[str, object]
) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(fault)
    async with asking(PIN) as asker:
        with pytest.raises(error) as raised:
            await sign(pool, entry, asker)
        await asker.ended.wait()
    assert asker.failure is not None
    assert facts.items() <= raised.value.facts.items()
    shim.behaves()
    await sign_well(pool, entry, shim)


async def test_a_reader_with_keys_of_its_own_gets_no_pin_from_us(shim: Shim, pool: TokenPool) -> None:
    entry = await entry_in(pool, shim.token)
    shim.does(f"C_GetTokenInfo set {PROTECTED_PATH}", "C_Login rv 0x50")  # and the person presses its cancel key
    async with asking("") as asker:
        with pytest.raises(PeroError) as raised:
            await sign(pool, entry, asker)
    assert raised.value.name == "pin_cancelled"
    assert asker.questions[0].protected_path
    assert shim.calls.count("C_Login") == 1


async def test_one_faulty_slot_hides_no_other(shim: Shim, pool: TokenPool) -> None:
    shim.does("C_GetTokenInfo rv 0x5")
    states = await pool.module_states()
    assert states[0].error == TokenFailed.name
    assert (await pool.listing()).certificates == ()


@pytest.mark.parametrize("what", ["missing", "text", "library"])
async def test_a_module_that_cannot_be_loaded_says_why(tmp_path: Path, what: str) -> None:
    paths = {"missing": tmp_path / "missing.so", "text": tmp_path / "text.so", "library": Path("libc.so.6")}
    (tmp_path / "text.so").write_text("no library")
    async with opened(TokenPool(lambda: [str(paths[what])], tmp_path / "key-files")) as pool:
        for _ in range(5):  # an answer, not a death: asked again each time
            (state,) = await pool.module_states()
            assert state.error == ModuleUnloadable.name
        assert state.facts["module"] == str(paths[what])
        assert {"missing": "No such file", "text": "file too short", "library": "C_GetFunctionList"}[what] in str(
            state.facts["reason"]
        ) or what == "text"
        listing = await pool.listing()
        assert [fault.error for fault in listing.faults] == [ModuleUnloadable.name]


async def test_a_module_that_does_not_initialise_says_its_return_code(shim: Shim, pool: TokenPool) -> None:
    shim.does("C_Initialize rv 0x2")
    (state,) = await pool.module_states()
    assert (state.error, state.facts["reason"]) == (ModuleUnloadable.name, "CKR_HOST_MEMORY")


async def test_a_module_taken_off_the_list_is_used_no_more(shim: Shim, tmp_path: Path) -> None:
    modules = [shim.path]
    async with opened(TokenPool(lambda: modules, tmp_path / "key-files")) as pool:
        entry = await entry_in(pool, shim.token)
        modules.clear()
        assert (await pool.listing()).tokens == ()
        assert pool.worker_processes() == {}
        async with asking(PIN) as asker:
            with pytest.raises(TokenAbsent):
                await sign(pool, entry, asker)


async def test_the_worker_ends_with_the_agent(shim: Shim, tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from agent.tokens.pool import TokenPool\n"
        "async def main():\n"
        "    pool = TokenPool(lambda: [sys.argv[1]], pathlib.Path(sys.argv[2]))\n"
        "    await pool.listing()\n"
        "    print(*pool.worker_processes().values(), flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, shim.path, str(tmp_path / "key-files"), stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout is not None
    worker = psutil.Process(int(await agent.stdout.readline()))
    agent.kill()
    await agent.communicate()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, [worker], 10)
    assert alive == []
    assert gone


class TestKeys:
    """Which key is taken for a certificate."""

    @pytest.fixture
    def directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
        return tmp_path

    async def signs(self, token: SoftHsm, key: str, *, known: bool | None) -> None:
        async with opened(TokenPool(lambda: [MODULE], token.conf.parent / "key-files")) as pool:
            entry = await entry_in(pool, token)
            assert entry.has_key is known
            async with asking(token.pin) as asker:
                signature = await pool.sign(entry, algorithm_of(key), DIGEST, asker.source)
        verify(token.identity, signature, DIGEST)

    @pytest.mark.parametrize("key", ["rsa2048", "p256"])
    async def test_a_key_with_another_identifier_is_found_by_its_value(self, directory: Path, key: str) -> None:
        await self.signs(make_softhsm(directory, key, certificate_identifier="99"), key, known=True)

    @pytest.mark.parametrize("key", ["rsa2048", "p256"])
    async def test_a_stranger_with_the_same_identifier_is_not_taken(self, directory: Path, key: str) -> None:
        token = make_softhsm(directory, key, identifier="02", certificate_identifier="01")
        add_key(token, make_identity(key, fresh=True), "01")
        await self.signs(token, key, known=True)

    @pytest.mark.parametrize("key", ["rsa2048", "p256"])
    async def test_a_key_that_wants_a_pin_for_each_signature_gets_it(self, directory: Path, key: str) -> None:
        """Such a key comes without a public one here, so that nothing is known of it before the login."""
        await self.signs(make_softhsm(directory, key, always_authenticate=True), key, known=None)

    @pytest.mark.parametrize("key", ["rsa2048", "p256"])
    async def test_a_certificate_without_its_key_is_said_after_login(self, directory: Path, key: str) -> None:
        token = make_softhsm(directory, key)
        other = make_identity(key, fresh=True)
        add_certificate(token, other.der, "01", "without key")
        async with opened(TokenPool(lambda: [MODULE], directory / "key-files")) as pool:
            entry = found(await pool.listing(), token._replace(identity=other))
            async with asking(token.pin) as asker:
                with pytest.raises(KeyAbsent) as raised:
                    await pool.sign(entry, algorithm_of(key), DIGEST, asker.source)
            assert raised.value.facts == {"thumbprint": other.thumbprint, "token": token.label}
