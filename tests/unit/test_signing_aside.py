"""What takes long stops nobody else, and what is taken back does not pile up (R46)."""

from __future__ import annotations

import asyncio
import base64
import threading
from pathlib import Path

from agent.signing.steps import PLACES, aside
from tests.harness.core import Core

DEADLINE = 30.0  # seconds


def test_work_that_was_taken_back_takes_no_more_places_than_there_are() -> None:
    """A page asks and takes back, again and again; threads cannot be cancelled."""
    end, begun = threading.Event(), []

    def work() -> None:
        begun.append(1)
        end.wait(DEADLINE)

    async def story() -> None:
        asked = [asyncio.create_task(aside(True, work)) for _ in range(50)]
        try:
            while len(begun) < PLACES:
                await asyncio.sleep(0)
            for one in asked:
                one.cancel()
            await asyncio.wait(asked)
            late = asyncio.create_task(aside(True, lambda: "late"))
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "other"), DEADLINE / 3) == "other"
            assert len(begun) == PLACES
            assert not late.done()
        finally:
            end.set()
        assert await asyncio.wait_for(late, DEADLINE) == "late"
        assert len(begun) == PLACES

    asyncio.run(story())


def test_what_work_raises_comes_out_and_frees_its_place() -> None:
    async def story() -> list[str]:
        told = []
        for _ in range(2 * PLACES):
            try:
                await asyncio.wait_for(aside(True, lambda: 1 // 0), DEADLINE)
            except ZeroDivisionError:
                told.append("raised")
        return told

    assert asyncio.run(story()) == ["raised"] * (2 * PLACES)


def test_xml_just_below_a_megabyte_is_never_read_where_everybody_waits(tmp_path: Path) -> None:
    """Its elements take a hundred times as long as octets to digest."""
    content = b"<a>" + b"<b c='d'/>" * 90_000 + b"</a>"
    seen: set[int] = set()

    def watch(frame: object, event: str, _argument: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        if event == "call" and code.co_name == "parsed" and code.co_filename.endswith("agent/xml/document.py"):
            seen.add(threading.get_ident())

    async def story() -> dict[str, object]:
        core = Core(tmp_path)
        core.tokens.add("Somebody")
        document = {"content": base64.b64encode(content).decode(), "name": "a.xml"}
        return await core.call(core.page(), "sign", {"document": document, "options": {"format": "xades"}})

    threading.setprofile(watch)
    try:
        answer = asyncio.run(story())
    finally:
        threading.setprofile(None)
    assert "result" in answer, answer
    assert seen
    assert threading.get_ident() not in seen
