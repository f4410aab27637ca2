"""What a module takes and leaves: memory that it loses, processes that it leaves behind, lengths that are not so."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent.errors import KeyAbsent, TokenFailed, WorkerDied
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.shim import Shim, entry_in, sign, sign_well
from tests.harness.softhsm import PIN

LEAK, LEAKS = (
    "C_Sign leak 90",
    3,
)  # MiB a call, and calls until it is too much; more in one would take a slow machine long


def worker_of(pool: TokenPool, shim: Shim) -> psutil.Process:
    return psutil.Process(pool.worker_processes()[shim.path])


async def gone(*processes: psutil.Process) -> None:
    async with asyncio.timeout(30):
        while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            await asyncio.sleep(0.01)


async def test_a_worker_whose_module_loses_memory_is_replaced_and_nobody_notices(
    shim: Shim, shim_pool: TokenPool, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    worker = worker_of(shim_pool, shim)
    shim.does(LEAK)
    with caplog.at_level(logging.WARNING, "pero.tokens"):
        for _ in range(LEAKS):
            assert worker_of(shim_pool, shim) == worker
            await sign_well(shim_pool, entry, shim)
        shim.behaves()
        await gone(worker)
    await sign_well(shim_pool, entry, shim)
    assert worker_of(shim_pool, shim).memory_info().rss < 90 << 20
    assert shim_pool._workers[shim.path]._deaths == 0
    spent = [record.getMessage() for record in caplog.records if record.getMessage().startswith("worker_spent")]
    assert len(spent) == 1
    assert shim.path in spent[0]


async def test_what_was_asked_of_a_worker_that_lost_memory_is_still_answered(shim: Shim, shim_pool: TokenPool) -> None:
    entry = await entry_in(shim_pool, shim.token)
    worker = worker_of(shim_pool, shim)
    async with asking() as slow:
        waiting = asyncio.create_task(sign(shim_pool, entry, slow))
        await slow.asked.wait()
        shim.does(LEAK)
        for _ in range(LEAKS):
            await sign_well(shim_pool, entry, shim)
        shim.behaves()
        async with asyncio.timeout(30):
            while shim.path in shim_pool.worker_processes():
                await asyncio.sleep(0.01)
        await sign_well(shim_pool, entry, shim)
        assert worker_of(shim_pool, shim) != worker  # the next one serves beside it
        assert worker.is_running()
        slow.answer(PIN)
        assert await waiting
    await gone(worker)


@pytest.fixture
def children(shim: Shim) -> Iterator[list[psutil.Process]]:
    """Those that the module left, put here by a test; ended at its end if they are there still."""
    left: list[psutil.Process] = []
    yield left
    for process in left:
        if process.is_running():
            process.kill()


async def with_child(shim: Shim, pool: TokenPool, children: list[psutil.Process]) -> psutil.Process:
    """The worker, whose module has left a child behind that holds all its descriptors."""
    entry = await entry_in(pool, shim.token)
    worker = worker_of(pool, shim)
    shim.does("C_Sign fork")
    await sign_well(pool, entry, shim)
    shim.behaves()
    children += worker.children()
    assert len(children) == 1
    return worker


async def test_what_a_module_forked_ends_with_its_worker(
    shim: Shim, shim_pool: TokenPool, children: list[psutil.Process]
) -> None:
    await with_child(shim, shim_pool, children)
    await shim_pool.close()
    await gone(*children)


async def test_the_death_of_a_worker_is_noticed_at_once_though_its_child_holds_the_socket(
    shim: Shim, tmp_path: Path, children: list[psutil.Process]
) -> None:
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files", deadline=300)
    worker = await with_child(shim, pool, children)
    entry = await entry_in(pool, shim.token)
    shim.does("C_Sign hang")
    async with asking(PIN) as asker, asyncio.timeout(60):  # far from the deadline
        signing = asyncio.create_task(sign(pool, entry, asker))
        await shim.reached("C_Sign")
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied) as raised:
            await signing
        assert raised.value.facts["signal"] == "SIGKILL"
    await gone(*children)
    shim.behaves()
    await sign_well(pool, entry, shim)
    await pool.close()


LIES = ("C_GetSlotList", "C_GetMechanismList", "C_FindObjects", "C_GetAttributeValue", "C_Sign")


@pytest.mark.parametrize("lie", [1 << 20, 1 << 40, (1 << 64) - 1000], ids=hex)
async def test_lengths_beyond_all_measure_end_in_a_typed_error_or_a_right_signature(
    shim: Shim, shim_pool: TokenPool, lie: int
) -> None:
    for call in LIES:
        entry = await entry_in(shim_pool, shim.token)
        shim.does(f"{call} lie {lie}")
        with suppress(WorkerDied, TokenFailed, KeyAbsent):
            await sign_well(shim_pool, entry, shim)
        shim.behaves()
        await sign_well(shim_pool, entry, shim)
