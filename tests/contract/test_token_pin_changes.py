"""Changing, unblocking and setting PINs (R14): no try is spent that nobody typed, a failure leaves the PIN as it was.

pkcs11-tool says which PIN is right; the fault module's log which calls reached the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.errors import (
    OperationUnsupported,
    PeroError,
    PinAlreadySet,
    PinCancelled,
    PinIncorrect,
    PinInvalid,
    PinLength,
    PinLocked,
    PinNotSet,
    SoPinIncorrect,
    SoPinLocked,
    TokenAbsent,
    TokenReadOnly,
)
from agent.ipc.pin import Accepted, Ask, PinSource
from agent.model import TokenState
from agent.tokens.pool import TokenPool
from tests.harness.asker import Asker, asking
from tests.harness.managed import BENCHES, OTHER_PIN, Bench, from_lines
from tests.harness.places import built_fault_module, opened

WRITE_PROTECTED, SO_LOCKED, SO_FINAL, INITIALIZED = "0x2", "0x400000", "0x200000", "0x8"


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = BENCHES[getattr(request, "param", "gost token")](tmp_path)
    monkeypatch.setenv("PERO_FAULT_MODULE", made.module)
    monkeypatch.setenv("PERO_FAULT_FILE", str(tmp_path / "faults"))
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def pool(bench: Bench, tmp_path: Path) -> AsyncIterator[TokenPool]:
    async with opened(bench.pool(tmp_path, built_fault_module())) as pool:
        yield pool


@pytest.fixture
async def token(bench: Bench, pool: TokenPool) -> TokenState:
    return await bench.token(pool)


def does(folder: Path, *faults: str) -> None:
    (folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))
    (folder / "log").unlink(missing_ok=True)


def behaves(folder: Path) -> None:
    (folder / "faults").unlink()


def calls(folder: Path) -> list[str]:
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


def purposes(asker: Asker) -> list[str]:
    return [question.purpose for question in asker.questions]


async def change(pool: TokenPool, token: TokenState, *answers: str | None) -> Asker:
    async with asking(*answers) as asker:
        await pool.management.change_pin(token, asker.source)
        await asker.ended.wait()
    return asker


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_pin_is_changed(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    asker = await change(pool, token, bench.pin, OTHER_PIN)
    assert [type(said) for said in asker.said] == [Ask, Accepted, Ask, Accepted]
    assert purposes(asker) == ["pin", "new_pin"]
    assert asker.questions[1].minimum is not None
    assert bench.takes(OTHER_PIN)
    assert not bench.takes(bench.pin)


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_wrong_old_pin_is_asked_again_before_the_new_one(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    asker = await change(pool, token, "wrong pin", bench.pin, OTHER_PIN)
    assert [(one.purpose, one.retry) for one in asker.questions] == [("pin", False), ("pin", True), ("new_pin", False)]
    assert bench.takes(OTHER_PIN)


async def test_a_wrong_old_pin_spends_one_try_and_a_cancel_none(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking("wrong pin", None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.change_pin(token, asker.source)
    assert calls(tmp_path).count("C_Login") == 1
    assert "C_SetPIN" not in calls(tmp_path)
    assert bench.takes(bench.pin)


async def test_a_cancel_at_the_new_pin_changes_nothing(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking(bench.pin, None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.change_pin(token, asker.source)
    assert purposes(asker) == ["pin", "new_pin"]
    assert "C_SetPIN" not in calls(tmp_path)
    assert bench.takes(bench.pin)


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_new_pin_of_a_wrong_length_is_asked_again(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    asker = await change(pool, token, bench.pin, "123", "x" * 256, OTHER_PIN)
    assert [one.error for one in asker.questions] == ["", "", PinLength.name, PinLength.name]
    assert purposes(asker) == ["pin", "new_pin", "new_pin", "new_pin"]
    assert asker.questions[2].facts["minimum"]
    assert bench.takes(OTHER_PIN)


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [("0xA1", PinInvalid, "refused"), ("0x1B8", PinInvalid, "weak"), ("0xA2", PinLength, None)],
)
async def test_a_new_pin_that_the_token_refuses_is_asked_again(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, fault: str, error: type[PeroError],
    reason: str | None,
) -> None:  # fmt: skip
    does(tmp_path, f"C_SetPIN rv {fault}")
    async with asking(bench.pin, "refused-1") as asker:
        changing = asyncio.create_task(pool.management.change_pin(token, asker.source))
        async with asyncio.timeout(20):
            while len(asker.questions) < 3:
                asker.asked.clear()
                await asker.asked.wait()
        behaves(tmp_path)
        asker.answer(OTHER_PIN)
        await changing
    assert (asker.questions[2].purpose, asker.questions[2].error) == ("new_pin", error.name)
    assert asker.questions[2].facts.get("reason") == reason
    assert bench.takes(OTHER_PIN)


async def test_a_token_pulled_out_between_the_questions_changes_nothing(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking(bench.pin) as asker:
        changing = asyncio.create_task(pool.management.change_pin(token, asker.source))
        async with asyncio.timeout(20):
            while len(asker.questions) < 2:
                asker.asked.clear()
                await asker.asked.wait()
        does(tmp_path, "token gone")
        asker.answer(OTHER_PIN)
        with pytest.raises(TokenAbsent):
            await changing
        await asker.ended.wait()
    assert asker.failure is not None
    behaves(tmp_path)
    assert bench.takes(bench.pin)


async def test_a_token_pulled_out_in_the_call_is_said(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_SetPIN rv 0x32")
    with pytest.raises(TokenAbsent):
        await change(pool, token, bench.pin, OTHER_PIN)
    behaves(tmp_path)
    assert bench.takes(bench.pin)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (f"C_GetTokenInfo set {WRITE_PROTECTED}", TokenReadOnly),
        ("C_GetTokenInfo set 0x40000", PinLocked),
        (f"C_GetTokenInfo clear {INITIALIZED}", PinNotSet),
    ],
)
async def test_a_token_that_cannot_be_changed_is_told_before_a_pin(
    pool: TokenPool, token: TokenState, tmp_path: Path, fault: str, error: type[PeroError]
) -> None:
    does(tmp_path, fault)
    async with asking(None) as asker:
        with pytest.raises(error):
            await pool.management.change_pin(token, asker.source)
    assert asker.questions == []
    assert "C_Login" not in calls(tmp_path)


@pytest.mark.parametrize(("call", "code"), [("C_SetPIN", "0xB5"), ("C_SetPIN", "0xE2"), ("C_OpenSession", "0xE2")])
async def test_a_session_that_may_only_read_is_said(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, call: str, code: str
) -> None:
    does(tmp_path, f"{call} rv {code}")
    with pytest.raises(TokenReadOnly):
        await change(pool, token, bench.pin, OTHER_PIN)
    behaves(tmp_path)
    assert bench.takes(bench.pin)


async def test_a_pin_that_expired_can_still_be_changed(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    bench.options("pin-expired = yes")
    asker = await change(pool, token, bench.pin, OTHER_PIN)
    assert purposes(asker) == ["pin", "new_pin"]
    bench.options()
    assert bench.takes(OTHER_PIN)


async def test_a_vendors_pin_is_recognised_when_it_is_typed(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    await change(pool, token, bench.pin, "12345678")
    asker = await change(pool, token, "12345678", OTHER_PIN)
    assert [said.default_pin for said in asker.said if isinstance(said, Accepted)] == [True, False]


async def test_both_pins_are_typed_at_a_reader_that_asks_itself(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    bench.options("protected-path = yes")
    (bench.folder / "pinpad").write_text(f"{bench.pin}\n{OTHER_PIN}\n")
    asker = await change(pool, token, "")
    assert [question.protected_path for question in asker.questions] == [True]
    bench.options()
    assert bench.takes(OTHER_PIN)


async def test_two_changes_at_once_are_one_after_the_other(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    async with asking(bench.pin) as first, asking(bench.pin) as second:
        changing = [asyncio.create_task(pool.management.change_pin(token, one.source)) for one in (first, second)]
        async with asyncio.timeout(20):
            while len(first.questions) < 2 or len(second.questions) < 2:
                await asyncio.sleep(0.01)
        first.answer(OTHER_PIN)
        await changing[0]
        second.answer("too-late-1")  # its old PIN is not the token's any more
        async with asyncio.timeout(20):
            while len(second.questions) < 3:
                await asyncio.sleep(0.01)
        assert (second.questions[2].purpose, second.questions[2].retry) == ("pin", True)
        second.answer(None)
        with pytest.raises(PinCancelled):
            await changing[1]
    assert bench.takes(OTHER_PIN)


# --pin-fd


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_a_descriptor_gives_a_line_for_each_secret(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    await pool.management.change_pin(token, from_lines(tmp_path, bench.pin, OTHER_PIN))
    assert bench.takes(OTHER_PIN)


async def test_a_pipe_gives_a_line_for_each_secret(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    import os

    reading, writing = os.pipe()
    changing = asyncio.create_task(pool.management.change_pin(token, PinSource("descriptor", reading)))
    for part in (bench.pin[:3], bench.pin[3:] + "\n" + OTHER_PIN[:2], OTHER_PIN[2:] + "\n"):
        os.write(writing, part.encode())
        await asyncio.sleep(0.05)
    os.close(writing)
    await changing
    assert bench.takes(OTHER_PIN)


@pytest.mark.parametrize(
    ("lines", "error"), [(("wrong pin", OTHER_PIN), PinIncorrect), (("s3cret-7",), PinCancelled), ((), PinCancelled),
                         (("s3cret-7", "1"), PinLength)],
)  # fmt: skip
async def test_a_descriptor_has_one_try(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path, lines: tuple[str, ...], error: type[PeroError]
) -> None:
    with pytest.raises(error):
        await pool.management.change_pin(token, from_lines(tmp_path, *lines))
    assert calls(tmp_path).count("C_Login") <= 1
    assert bench.takes(bench.pin)


# unblocking


def lock(bench: Bench) -> None:
    if bench.folder.joinpath("token").exists():
        bench.options("tries = 2")
        while not bench.takes("not-this") and b"LOCKED" not in bench.tool("-L").stdout.upper():
            pass


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_the_security_officer_sets_a_new_pin(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    async with asking(bench.so_pin, OTHER_PIN) as asker:
        await pool.management.unblock(token, asker.source)
        await asker.ended.wait()
    assert [type(said) for said in asker.said] == [Ask, Accepted, Ask, Accepted]
    assert purposes(asker) == ["so_pin", "new_pin"]
    assert bench.takes(OTHER_PIN)
    assert not bench.takes(bench.pin)


async def test_a_locked_token_is_unblocked(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    lock(bench)
    async with asking(None) as asker:
        with pytest.raises(PinLocked):
            await pool.management.change_pin(token, asker.source)
    async with asking(bench.so_pin, OTHER_PIN) as asker:
        await pool.management.unblock(token, asker.source)
    assert bench.takes(OTHER_PIN)
    assert not (await bench.token(pool)).pin_locked


async def test_a_wrong_officers_pin_is_asked_again_and_costs_the_user_nothing(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking("wrong-so", None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.unblock(token, asker.source)
    assert [(one.purpose, one.retry) for one in asker.questions] == [("so_pin", False), ("so_pin", True)]
    assert calls(tmp_path).count("C_Login") == 1
    assert bench.takes(bench.pin)
    with pytest.raises(SoPinIncorrect):
        await pool.management.unblock(token, from_lines(tmp_path, "wrong-so", OTHER_PIN))


async def test_flags_of_the_officers_pin_are_told(pool: TokenPool, token: TokenState, tmp_path: Path) -> None:
    does(tmp_path, f"C_GetTokenInfo set {SO_FINAL}")
    async with asking(None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.unblock(token, asker.source)
    assert asker.questions[0].final_try
    does(tmp_path, f"C_GetTokenInfo set {SO_LOCKED}")
    async with asking(None) as asker:
        with pytest.raises(SoPinLocked):
            await pool.management.unblock(token, asker.source)
    assert asker.questions == []


async def test_an_officers_pin_that_locks_at_this_try_ends_it(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_Login rv 0xA4")
    async with asking(bench.so_pin) as asker:
        with pytest.raises(SoPinLocked):
            await pool.management.unblock(token, asker.source)


async def test_a_module_without_unblocking_says_so(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    does(tmp_path, "C_InitPIN rv 0x54")
    async with asking(bench.so_pin, OTHER_PIN) as asker:
        with pytest.raises(OperationUnsupported) as raised:
            await pool.management.unblock(token, asker.source)
    assert raised.value.facts["operation"] == "C_InitPIN"


async def test_a_first_pin_is_set_where_there_is_none(
    bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path
) -> None:
    async with asking(None) as asker:
        with pytest.raises(PinAlreadySet):
            await pool.management.set_first_pin(token, asker.source)
    assert asker.questions == []
    slot = "0"
    assert bench.tool("--slot", slot, "--init-token", "--label", bench.label, "--so-pin", bench.so_pin).returncode == 0
    fresh = await bench.token(pool)
    assert not fresh.pin_initialized
    async with asking(bench.so_pin, OTHER_PIN) as asker:
        await pool.management.set_first_pin(fresh, asker.source)
    assert purposes(asker) == ["so_pin", "new_pin"]
    assert bench.takes(OTHER_PIN)


async def test_the_pins_are_in_no_arguments_and_no_environment(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    await change(pool, token, bench.pin, OTHER_PIN)
    for process in pool.worker_processes().values():
        for file in ("cmdline", "environ"):
            content = Path(f"/proc/{process}/{file}").read_bytes()
            assert bench.pin.encode() not in content
            assert OTHER_PIN.encode() not in content
