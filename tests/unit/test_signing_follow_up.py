"""Work that gives its result before it ends."""

from __future__ import annotations

import asyncio

import pytest

from agent.errors import Expired, TokenAbsent
from agent.signing.follow_up import FollowUps, Give, until
from agent.signing.queue import PersonQueue


async def test_a_result_given_early_is_there_while_the_work_goes_on() -> None:
    follow_ups, go_on, ended = FollowUps(), asyncio.Event(), asyncio.Event()

    async def work(give: Give[int]) -> int:
        give(7)
        await go_on.wait()
        ended.set()
        return 8

    assert await follow_ups.first(work) == 7
    assert not ended.is_set()
    go_on.set()
    await follow_ups.settled()
    assert ended.is_set()


async def test_work_that_gives_nothing_early_returns_or_raises() -> None:
    follow_ups = FollowUps()

    async def work(_give: Give[int]) -> int:
        return 9

    async def failing(_give: Give[int]) -> int:
        raise TokenAbsent(token="t", module="m")

    assert await follow_ups.first(work) == 9
    with pytest.raises(TokenAbsent):
        await follow_ups.first(failing)


async def test_who_takes_the_request_back_takes_the_work_back() -> None:
    follow_ups, begun, cancelled = FollowUps(), asyncio.Event(), asyncio.Event()

    async def work(_give: Give[int]) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return 0

    waiting = asyncio.create_task(follow_ups.first(work))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cancelled.is_set()


async def test_what_goes_wrong_after_the_result_is_nobodys_error() -> None:
    follow_ups, go_on = FollowUps(), asyncio.Event()

    async def work(give: Give[int]) -> int:
        give(1)
        await go_on.wait()
        raise Expired(seconds=1)

    assert await follow_ups.first(work) == 1
    go_on.set()
    await follow_ups.settled()


async def test_the_end_takes_follow_ups_away() -> None:
    follow_ups = FollowUps()

    async def work(give: Give[int]) -> int:
        give(1)
        await asyncio.Event().wait()
        return 2

    assert await follow_ups.first(work) == 1
    await follow_ups.close()


async def test_an_offer_is_left_as_soon_as_somebody_waits_for_the_person() -> None:
    queue = PersonQueue()

    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    async def next_one() -> None:
        async with queue.turn():
            pass

    async with queue.turn():
        offer = asyncio.create_task(until(queue.wanted(), never()))
        await asyncio.sleep(0)
        assert not offer.done()
        other = asyncio.create_task(next_one())
        assert await offer is False
    await other
    async with queue.turn():

        async def at_once() -> bool:
            return True

        assert await until(queue.wanted(), at_once()) is True
