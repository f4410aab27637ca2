"""Readers and tokens that come and go, told while somebody listens: a real pcscd with virtual readers, and SoftHSM."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.errors import TokenFailed
from agent.tokens import pcsc
from agent.tokens.pool import TokenPool
from agent.tokens.watcher import Change, Watcher
from tests.harness.asker import asking
from tests.harness.keyfiles import make_identity
from tests.harness.places import opened
from tests.harness.shim import Shim, entry_in, sign
from tests.harness.softhsm import MODULE, make_softhsm
from tests.harness.virtual_reader import Card, Readers, virtual_readers

SECOND = 1.0  # the promise; pcscd itself looks at a virtual reader every 0.4 seconds
PATIENCE = 20.0  # seconds, for a machine that is busy


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with virtual_readers() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def card(readers: Readers) -> Card:
    return readers.card({"authentication": make_identity("p256")})


async def nothing(_readers: bool) -> dict[str, frozenset[int]]:
    return {}


async def following(changes: AsyncIterator[Change], *expected: Change) -> float:
    """Wait for exactly these changes, in any order among themselves; how many seconds it took."""
    begun = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        found = [await anext(changes) for _ in expected]
    assert sorted(found) == sorted(expected)
    return time.monotonic() - begun


async def test_a_card_that_comes_and_goes_is_told_within_a_second(readers: Readers, card: Card) -> None:
    inserted, removed = Change("token_inserted", readers.names[0]), Change("token_removed", readers.names[0])
    times = []
    async with Watcher(nothing).changes() as changes:
        for _ in range(3):
            for action, expected in ((card.insert, inserted), (card.remove, removed)):
                await asyncio.to_thread(action)
                times.append(await following(changes, expected))
    assert sorted(times)[len(times) // 2] < SECOND, times


async def test_what_was_there_before_is_no_change_and_its_answer_to_reset_is_known(
    readers: Readers, card: Card
) -> None:
    watcher = Watcher(nothing)
    async with watcher.changes() as changes:
        await asyncio.to_thread(card.insert)
        await following(changes, Change("token_inserted", readers.names[0]))
    assert watcher.atrs == {}
    async with watcher.changes() as changes:
        assert watcher.atrs == {readers.names[0]: bytes.fromhex("3B858001") + b"Pero1\x1d"}
        await asyncio.to_thread(card.remove)
        await following(changes, Change("token_removed", readers.names[0]))


async def test_a_service_that_is_stopped_and_started_again_is_survived(readers: Readers, card: Card) -> None:
    gone = [Change("reader_removed", name) for name in readers.names]
    back = [Change("reader_added", name) for name in readers.names]
    async with Watcher(nothing).changes() as changes:
        for _ in range(2):
            await asyncio.to_thread(card.insert)
            await following(changes, Change("token_inserted", readers.names[0]))
            await asyncio.to_thread(readers.stop)
            await following(changes, Change("token_removed", readers.names[0]), *gone)
            await asyncio.to_thread(readers.start)
            await following(changes, *back)
            await asyncio.to_thread(card.remove)


async def test_listening_begins_without_a_service_too(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "nothing.comm"))
    asked = []

    async def look(with_readers: bool) -> dict[str, frozenset[int]]:
        asked.append(with_readers)
        return {}

    async with asyncio.timeout(PATIENCE), Watcher(look).changes():
        pass
    assert asked == [True]


async def test_without_the_systems_library_all_modules_are_looked_at() -> None:
    slots = {1}

    async def look(with_readers: bool) -> dict[str, frozenset[int]]:
        assert not with_readers
        return {"module": frozenset(slots)}

    def missing() -> pcsc.Library:
        raise OSError("libpcsclite.so.1")

    async with Watcher(look, missing, interval=0.01).changes() as changes:
        slots.add(2)
        await following(changes, Change("token_inserted", module="module"))
        slots.clear()
        await following(changes, *[Change("token_removed", module="module")] * 2)


async def test_nothing_runs_while_nobody_listens_and_nothing_is_left_behind(readers: Readers) -> None:
    before = threading.enumerate()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    looks = []

    async def look(_readers: bool) -> dict[str, frozenset[int]]:
        looks.append(threading.active_count())
        return {}

    watcher = Watcher(look, interval=0.01)
    assert looks == []
    for _ in range(20):
        async with asyncio.timeout(PATIENCE), watcher.changes():
            pass
    async with watcher.changes(), watcher.changes():
        assert [thread.name for thread in threading.enumerate()].count("readers") == 1
    counted = len(looks)
    assert "readers" not in [thread.name for thread in threading.enumerate()]
    await asyncio.sleep(0.1)
    assert len(looks) == counted
    new = [thread.name for thread in threading.enumerate() if thread not in before]
    assert [name for name in new if not name.startswith("asyncio_")] == []  # those are the loop's, for what blocks
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 1


async def test_waiting_costs_no_time(readers: Readers) -> None:
    async with Watcher(nothing).changes():
        before = time.process_time()
        await asyncio.sleep(2)
        assert time.process_time() - before < 0.5


# modules without readers


async def test_tokens_made_and_deleted_in_softhsm_are_told_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SoftHSM itself sees them only after C_Initialize."""
    first = make_softhsm(tmp_path, "p256", label="first")
    monkeypatch.setenv("SOFTHSM2_CONF", str(first.conf))
    async with opened(TokenPool(lambda: [MODULE], tmp_path / "key-files")) as pool, pool.changes() as changes:
        worker = pool.worker_processes()
        assert [token.label for token in (await pool.listing()).tokens] == ["first"]
        await asyncio.to_thread(make_softhsm, tmp_path, "p256", label="second")
        assert await following(changes, Change("token_inserted", module=MODULE)) < PATIENCE
        assert {token.label for token in (await pool.listing()).tokens} == {"first", "second"}
        await asyncio.to_thread(first.delete)
        await following(changes, Change("token_removed", module=MODULE))
        assert [token.label for token in (await pool.listing()).tokens] == ["second"]
        assert pool.worker_processes() == worker


async def test_slots_are_looked_at_once_a_second_and_tokens_are_left_in_peace(shim: Shim, shim_pool: TokenPool) -> None:
    async with shim_pool.changes():
        shim.forget()
        await asyncio.sleep(4.5)
        calls = shim.calls
    assert 1 <= calls.count("C_GetSlotList") / 2 <= 5  # each look asks for the number and then for the slots
    assert set(calls) <= {"C_Finalize", "C_Initialize", "C_GetSlotList", "C_GetTokenInfo"}
    assert calls.count("C_GetTokenInfo") <= calls.count("C_GetSlotList") / 2  # the slot that is free for a new one
    shim.forget()
    await asyncio.sleep(1.2)
    assert shim.calls == []


async def test_a_module_that_hangs_in_a_look_does_not_stop_the_looking(shim: Shim, shim_pool: TokenPool) -> None:
    async with shim_pool.changes() as changes:
        shim.does("C_GetSlotList hang")
        await shim.reached("C_GetSlotList")
        shim.does("C_GetSlotList rv 0xE0")
        await shim.reached("C_GetSlotList")
        shim.behaves()
        await asyncio.to_thread(make_softhsm, shim.token.conf.parent, "p256", label="looked for")
        await following(changes, Change("token_inserted", module=shim.path))


async def test_a_person_at_the_keys_of_a_reader_is_not_hurried_by_a_look(shim: Shim, shim_pool: TokenPool) -> None:
    """The module's login takes longer than the deadline of other calls; SoftHSM itself then wants a PIN after all."""
    entry = await entry_in(shim_pool, shim.token)
    worker = shim_pool.worker_processes()
    shim.does("C_GetTokenInfo set 0x100", "C_Login sleep 2500")
    async with asking("") as asker:
        signing = asyncio.create_task(sign(shim_pool, entry, asker))
        await shim.reached("C_Login")
        assert (await shim_pool.listing()).faults == ()
        with pytest.raises(TokenFailed):
            await signing
    assert shim_pool.worker_processes() == worker
