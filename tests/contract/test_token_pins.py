"""PINs and tries: what the token says is told, no try is spent in vain, a login lasts for one signature.

The shim's log says which calls reached the module: the proof that a try was spent, or was not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.errors import (
    LastTryUnconfirmed,
    MechanismUnsupported,
    PeroError,
    PinIncorrect,
    PinLength,
    PinLocked,
    PinNotSet,
    TokenAbsent,
    TokenFailed,
)
from agent.ipc.pin import PinSource, SourceKind
from agent.model import CertificateEntry
from agent.tokens.many import ToSign
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.places import algorithm_of, verify
from tests.harness.shim import DIGEST, Shim, entry_in, sign, sign_well
from tests.harness.softhsm import PIN

Act = Callable[[TokenPool, CertificateEntry, PinSource], Awaitable[None]]

LOCKED, FINAL_TRY, COUNT_LOW, INITIALIZED, PROTECTED_PATH = "0x40000", "0x20000", "0x10000", "0x8", "0x100"


async def test_a_locked_token_is_said_without_asking(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(f"C_GetTokenInfo set {LOCKED}")
    async with asking(PIN) as asker:
        with pytest.raises(PinLocked) as raised:
            await sign(shim_pool, entry, asker)
        await asker.ended.wait()
    assert raised.value.facts == {"token": shim.token.label}
    assert asker.questions == []
    assert asker.failure is not None
    assert asker.failure.error == PinLocked.name
    assert "C_Login" not in shim.calls
    assert (await entry_in(shim_pool, shim.token)).token.pin_locked


async def test_a_token_that_locks_at_this_pin_ends_the_conversation(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_Login rv 0xA4")
    async with asking(PIN, PIN) as asker:
        with pytest.raises(PinLocked):
            await sign(shim_pool, entry, asker)
        await asker.ended.wait()
    assert len(asker.questions) == 1
    assert asker.failure is not None
    assert asker.failure.error == PinLocked.name
    assert shim.calls.count("C_Login") == 1


async def test_the_flags_of_the_token_are_told_before_each_try(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(f"C_GetTokenInfo set {COUNT_LOW}")
    async with asking("00000000") as asker:
        signing = asyncio.create_task(sign(shim_pool, entry, asker))
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
    assert told == [(True, False, None), (True, False, None), (True, True, None)]
    assert asker.questions[2].error == "last_try_unconfirmed"
    assert shim.calls.count("C_Login") == 1, "what was typed before the last try was known is not tried"


async def test_a_user_pin_that_was_never_set_is_said(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(f"C_GetTokenInfo clear {INITIALIZED}")
    async with asking(PIN) as asker:
        with pytest.raises(PinNotSet):
            await sign(shim_pool, entry, asker)
    assert asker.questions == []


async def test_lengths_are_checked_before_a_try_is_spent(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_GetTokenInfo pin 6 8")
    async with asking("12345", "123456789", "пинпин", PIN) as asker:  # the third is twelve bytes long
        verify(shim.token.identity, await sign(shim_pool, entry, asker), DIGEST)
    assert [question.error for question in asker.questions] == ["", *[PinLength.name] * 3]
    assert asker.questions[1].facts == {"minimum": 6, "maximum": 8}
    assert shim.calls.count("C_Login") == 1


async def test_a_length_that_only_the_token_knows_is_asked_again(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_Login rv 0xA2")
    async with asking("1234", None) as asker:
        with pytest.raises(PeroError):
            await sign(shim_pool, entry, asker)
    assert [question.error for question in asker.questions] == ["", PinLength.name]


@pytest.mark.parametrize(("pin", "error", "logins"), [("00000000", PinIncorrect, 1), ("1", PinLength, 0)])
async def test_a_descriptor_spends_one_try_at_most(
    shim: Shim, shim_pool: TokenPool, tmp_path: Path, pin: str, error: type[PeroError], logins: int
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.forget()
    (tmp_path / "pin").write_text(f"{pin}\n{PIN}\n")
    source = PinSource("descriptor", os.open(tmp_path / "pin", os.O_RDONLY))
    with pytest.raises(error):
        await shim_pool.sign(entry, algorithm_of("p256"), DIGEST, source)
    assert shim.calls.count("C_Login") == logins


async def one(pool: TokenPool, entry: CertificateEntry, source: PinSource) -> None:
    await pool.sign(entry, algorithm_of("p256"), DIGEST, source)


async def many(pool: TokenPool, entry: CertificateEntry, source: PinSource) -> None:
    async def jobs() -> AsyncIterator[ToSign]:
        yield ToSign(DIGEST)

    assert [number async for number, _ in pool.sign_many(entry, algorithm_of("p256"), jobs(), source)] == [0]


async def look(pool: TokenPool, entry: CertificateEntry, source: PinSource) -> None:
    assert (await pool.management.objects(entry.token, source)).complete


@pytest.mark.parametrize("act", [one, many, look])
@pytest.mark.parametrize(("kind", "logins"), [("descriptor", 0), ("daring_descriptor", 1)])
async def test_a_descriptor_spends_the_last_try_only_where_it_may(
    shim: Shim, shim_pool: TokenPool, tmp_path: Path, kind: SourceKind, logins: int, act: Act
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.forget()
    shim.does(f"C_GetTokenInfo set {FINAL_TRY}")
    (tmp_path / "pin").write_text(f"{PIN}\n")
    source = PinSource(kind, os.open(tmp_path / "pin", os.O_RDONLY))
    with contextlib.nullcontext() if logins else pytest.raises(LastTryUnconfirmed):
        await act(shim_pool, entry, source)
    assert shim.calls.count("C_Login") == logins


async def test_the_token_is_logged_in_only_for_the_signature(shim: Shim, shim_pool: TokenPool) -> None:
    shim.forget()
    entry = await entry_in(shim_pool, shim.token)
    assert "C_Login" not in shim.calls
    shim.forget()
    await sign_well(shim_pool, entry, shim)
    order = [call for call in shim.calls if call in ("C_Login", "C_Sign", "C_Logout", "C_CloseSession")]
    assert order == ["C_Login", "C_Sign", "C_Logout", "C_CloseSession"]


async def test_a_login_left_over_does_not_let_a_wrong_pin_through(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_Logout rv 0", "C_CloseSession rv 0")  # both lie: the token stays logged in
    await sign_well(shim_pool, entry, shim)
    shim.behaves()
    shim.forget()
    async with asking("00000000", PIN) as asker:
        verify(shim.token.identity, await sign(shim_pool, entry, asker), DIGEST)
    assert [question.retry for question in asker.questions] == [False, True]
    assert shim.calls.count("C_Login") == 3  # already logged in, wrong, right


async def test_a_logout_that_never_works_signs_nothing(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_Login rv 0x100")
    async with asking(PIN) as asker:
        with pytest.raises(TokenFailed) as raised:
            await sign(shim_pool, entry, asker)
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
    shim: Shim, shim_pool: TokenPool, fault: str, error: type[PeroError], facts: dict[str, object]
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(fault)
    async with asking(PIN) as asker:
        with pytest.raises(error) as raised:
            await sign(shim_pool, entry, asker)
        await asker.ended.wait()
    assert asker.failure is not None
    assert facts.items() <= raised.value.facts.items()
    shim.behaves()
    await sign_well(shim_pool, entry, shim)


async def test_a_reader_with_keys_of_its_own_gets_no_pin_from_us(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(f"C_GetTokenInfo set {PROTECTED_PATH}", "C_Login rv 0x50")  # and the person presses its cancel key
    async with asking("") as asker:
        with pytest.raises(PeroError) as raised:
            await sign(shim_pool, entry, asker)
    assert raised.value.name == "pin_cancelled"
    assert asker.questions[0].protected_path
    assert shim.calls.count("C_Login") == 1


async def test_one_faulty_slot_hides_no_other(shim: Shim, shim_pool: TokenPool) -> None:
    shim.does("C_GetTokenInfo rv 0x5")
    states = await shim_pool.module_states()
    assert states[0].error == TokenFailed.name
    assert (await shim_pool.listing()).certificates == ()
