"""The bad day of a PKCS#11 module: it hangs, crashes, prints, cannot be loaded, and takes down its worker alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from agent.errors import (
    ModuleUnloadable,
    TokenAbsent,
    WorkerDied,
    WorkerHung,
)
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.places import opened
from tests.harness.shim import Shim, entry_in, found, sign, sign_well
from tests.harness.softhsm import MODULE, PIN


async def test_a_module_that_hangs_while_signing_is_killed_and_the_next_signature_works(
    shim: Shim, shim_pool: TokenPool
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    worker = psutil.Process(shim_pool.worker_processes()[shim.path])
    shim.does("C_Sign hang")
    async with asking(PIN) as asker, asking() as other:
        waiting = asyncio.create_task(sign(shim_pool, entry, other))
        await other.asked.wait()
        with pytest.raises(WorkerHung) as raised:
            await sign(shim_pool, entry, asker)
        with pytest.raises(WorkerHung):
            await waiting
        await asyncio.wait_for(other.ended.wait(), 10)
    assert raised.value.facts == {"module": shim.path, "seconds": 3}
    assert not worker.is_running()
    shim.behaves()
    await sign_well(shim_pool, entry, shim)


async def test_a_worker_killed_while_signing_is_reported(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does("C_Sign hang")
    async with asking(PIN) as asker:
        signing = asyncio.create_task(sign(shim_pool, entry, asker))
        await shim.reached("C_Sign")
        os.kill(shim_pool.worker_processes()[shim.path], signal.SIGKILL)
        with pytest.raises(WorkerDied) as raised:
            await signing
    assert raised.value.facts["signal"] == "SIGKILL"
    shim.behaves()
    await sign_well(shim_pool, entry, shim)


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
    shim: Shim, shim_pool: TokenPool, call: str, fault: str, facts: dict[str, object]
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.does(f"{call} {fault}")
    async with asking(PIN) as asker:
        with pytest.raises(WorkerDied) as raised:
            await sign(shim_pool, entry, asker)
    assert raised.value.facts == {"module": shim.path, **facts}
    shim.behaves()
    await sign_well(shim_pool, entry, shim)


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
async def test_a_module_that_prints_does_not_disturb_the_protocol(shim: Shim, shim_pool: TokenPool, call: str) -> None:
    shim.does(f"{call} print")
    entry = await entry_in(shim_pool, shim.token)
    await sign_well(shim_pool, entry, shim)
    assert call in shim.calls or call == "C_Initialize"


async def test_what_a_module_prints_is_shown_nowhere(
    shim: Shim, shim_pool: TokenPool, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may be a PIN."""
    shim.does("C_Login print")
    await sign_well(shim_pool, await entry_in(shim_pool, shim.token), shim)
    assert capfd.readouterr() == ("", "")


async def test_a_module_that_keeps_dying_is_not_started_each_time(shim: Shim, shim_pool: TokenPool) -> None:
    shim.does("C_GetSlotList crash")
    for _ in range(6):
        assert [fault.error for fault in (await shim_pool.listing()).faults] == [WorkerDied.name]
    assert shim.calls.count("C_Initialize") == 3


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


async def test_a_module_that_does_not_initialise_says_its_return_code(shim: Shim, shim_pool: TokenPool) -> None:
    shim.does("C_Initialize rv 0x2")
    (state,) = await shim_pool.module_states()
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


async def test_a_worker_that_not_even_the_kernel_ends_keeps_nobody_waiting(
    shim: Shim, shim_pool: TokenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that sleeps in a driver of the system: SIGKILL is sent and has no effect."""
    await shim_pool.listing()
    worker = psutil.Process(shim_pool.worker_processes()[shim.path])
    with monkeypatch.context() as patch:
        patch.setattr("agent.tokens.running.Running.kill", lambda _: None)
        worker.suspend()
        async with asyncio.timeout(20):
            assert [fault.error for fault in (await shim_pool.listing()).faults] == [WorkerHung.name]
            assert (await shim_pool.listing()).faults == ()
    assert worker.is_running()
    worker.kill()


AGENT = """
import asyncio, pathlib, sys
from agent.tokens.pool import TokenPool
async def main():
    pool = TokenPool(lambda: [sys.argv[1]], pathlib.Path(sys.argv[2]))
    await pool.listing()
    print(*pool.worker_processes().values(), flush=True)
    told = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, told.set)
    try:
        await told.wait()
        await pool.listing()
    finally:
        await pool.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(("end", "hanging"), [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGINT, False)])
async def test_the_worker_ends_with_the_agent_and_without_a_word(
    shim: Shim, tmp_path: Path, end: signal.Signals, hanging: bool
) -> None:
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AGENT, shim.path, str(tmp_path / "key-files"), start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert agent.stdin
    assert agent.stdout
    worker = psutil.Process(int(await agent.stdout.readline()))
    if hanging:
        shim.does("C_GetSlotList hang")
        agent.stdin.write(b"\n")
        await shim.reached("C_GetSlotList")
    os.killpg(agent.pid, end)  # as Ctrl-C reaches every process in the foreground of a terminal
    _, alive = await asyncio.to_thread(psutil.wait_procs, [worker], 10)
    for left in alive:
        left.kill()
    _, said = await agent.communicate()
    assert alive == []
    assert b"worker.py" not in said
