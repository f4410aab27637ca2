"""A module that answers late or never keeps nobody waiting who can be told later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from agent.errors import ModuleSlow, WorkerHung
from agent.model import Listing
from agent.tokens.pool import TokenPool
from agent.tokens.watcher import Change
from tests.harness.places import opened
from tests.harness.shim import Shim, found, sign_well
from tests.harness.softhsm import MODULE


def faults(listing: Listing) -> list[tuple[str, str]]:
    return [(fault.module, fault.error) for fault in listing.faults]


async def answer_of(module: str, changes: AsyncIterator[Change]) -> None:
    async with asyncio.timeout(60):
        async for change in changes:
            if change == Change("module_answered", module=module):
                return


async def test_a_module_that_hangs_in_a_list_does_not_delay_what_the_others_show(shim: Shim, tmp_path: Path) -> None:
    pool = TokenPool(lambda: [shim.path, MODULE], tmp_path / "key-files", deadline=600)
    async with opened(pool), asyncio.timeout(100):  # far from the deadline
        await pool.listing()
        shim.does("C_GetTokenInfo hang")
        for _ in range(3):
            listing = await pool.listing_soon()
            assert faults(listing) == [(shim.path, ModuleSlow.name)]
            assert found(listing, shim.token).token.module == MODULE
        async with pool.changes():  # nor the events of the others
            assert faults(await pool.listing_soon()) == [(shim.path, ModuleSlow.name)]


async def test_a_module_that_hung_is_told_when_it_is_given_up_and_listed_when_it_is_well(
    shim: Shim, tmp_path: Path
) -> None:
    pool = TokenPool(lambda: [shim.path, MODULE], tmp_path / "key-files", deadline=2)
    async with opened(pool):
        await pool.listing()
        async with pool.changes() as changes:
            shim.does("C_GetTokenInfo hang")
            assert faults(await pool.listing_soon()) == [(shim.path, ModuleSlow.name)]
            await answer_of(shim.path, changes)
            assert faults(await pool.listing_soon()) == [(shim.path, WorkerHung.name)]
        shim.behaves()
        listing = await pool.listing()
        assert faults(listing) == []
        await sign_well(pool, found(listing, shim.token), shim)


async def test_a_slow_module_is_listed_as_soon_as_it_answers(shim: Shim, tmp_path: Path) -> None:
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files")
    async with opened(pool), pool.changes() as changes:
        await pool.listing()
        shim.does("C_GetTokenInfo sleep 1500")
        assert faults(await pool.listing_soon()) == [(shim.path, ModuleSlow.name)]
        shim.behaves()
        await answer_of(shim.path, changes)
        async with asyncio.timeout(60):
            while faults(listing := await pool.listing_soon()):  # a loaded machine may be slow once more
                await answer_of(shim.path, changes)
        assert found(listing, shim.token)


async def test_a_command_waits_for_a_slow_module_and_names_one_that_hangs(shim: Shim, tmp_path: Path) -> None:
    pool = TokenPool(lambda: [shim.path, MODULE], tmp_path / "key-files", deadline=600)
    async with opened(pool), asyncio.timeout(100):  # far from the deadline
        await pool.listing()
        shim.does("C_GetTokenInfo sleep 500")
        assert faults(await pool.listing_soon(60)) == []
        shim.does("C_GetTokenInfo hang")
        listing = await pool.listing_soon(1)
        assert faults(listing) == [(shim.path, ModuleSlow.name)]
        assert found(listing, shim.token).token.module == MODULE


async def test_a_module_that_hangs_is_given_up_in_time_however_often_it_is_asked_meanwhile(
    shim: Shim, tmp_path: Path
) -> None:
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files", deadline=3)
    async with opened(pool):
        await pool.listing()
        hung = pool.worker_processes()[shim.path]
        shim.does("C_GetTokenInfo hang")
        async with asyncio.timeout(60):
            while pool.worker_processes().get(shim.path) == hung:  # asked anew before each deadline, as by a watch
                asking = [asyncio.create_task(pool.listing()), asyncio.create_task(pool.module_states())]
                await asyncio.wait(asking, timeout=0.5)
                for one in asking:
                    one.cancel()
                await asyncio.wait(asking)
        shim.behaves()
        assert found(await pool.listing(), shim.token)
