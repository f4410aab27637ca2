"""What takes long stops nobody else, and what is taken back does not pile up (R46)."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from agent.pdf.process import SECONDS
from agent.signing.aside import PLACES, SHARE, aside
from tests.harness import pdf
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
            while len(begun) < SHARE:
                await asyncio.sleep(0)
            for one in asked:
                one.cancel()
            await asyncio.wait(asked)
            late = asyncio.create_task(aside(True, lambda: "late"))
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "other"), DEADLINE / 3) == "other"
            assert len(begun) == SHARE
            assert not late.done()
        finally:
            end.set()
        assert await asyncio.wait_for(late, DEADLINE) == "late"
        assert len(begun) == SHARE

    asyncio.run(story())


def test_a_site_whose_work_hangs_leaves_places_to_others() -> None:
    end, begun = threading.Event(), []

    def hang() -> None:
        begun.append(1)
        end.wait(DEADLINE)

    async def story() -> None:
        hanging = [asyncio.create_task(aside(True, hang, "bad")) for _ in range(2 * PLACES)]
        try:
            for _ in range(3):
                assert await asyncio.wait_for(aside(True, lambda: "good", "good"), DEADLINE) == "good"
            assert len(begun) == SHARE
        finally:
            end.set()
            await asyncio.gather(*hanging)

    asyncio.run(story())


def test_a_site_with_documents_that_hang_keeps_nobody_from_signing_and_its_work_ends_with_it(tmp_path: Path) -> None:
    """Four PDFs that take for ever, and another site's; then they are taken back, and no process is left."""

    async def story() -> None:
        core = Core(tmp_path)
        core.tokens.add("Somebody")
        bad, good = core.page("https://bad.example"), core.page("https://good.example")
        hanging = [asyncio.create_task(core.call(bad, "sign", asked(doubling_fields(60)), n)) for n in range(4)]
        await until(lambda: len(workers()) == SHARE)
        answer = await asyncio.wait_for(core.call(good, "sign", asked(pdf.plain())), DEADLINE)
        assert "result" in answer, answer
        assert len(workers()) == SHARE
        began = time.monotonic()
        for one in hanging:
            one.cancel()
        await asyncio.wait(hanging)
        await until(lambda: not workers())
        await asyncio.get_running_loop().shutdown_default_executor()
        assert time.monotonic() - began < SECONDS / 2  # of processor time that each would have had

    asyncio.run(story())


def asked(document: bytes) -> dict[str, object]:
    given = {"content": base64.b64encode(document).decode(), "name": "a.pdf"}
    return {"document": given, "options": {"format": "pades"}}


def doubling_fields(levels: int) -> bytes:
    """A form whose fields are found on 2 to the `levels` ways."""
    fields = {6 + level: b"<</T(a)/Kids[%d 0 R %d 0 R]>>" % (7 + level, 7 + level) for level in range(levels)}
    form = pdf.objects(b"/AcroForm<</Fields[6 0 R]>>")
    return pdf.written({**form, **fields, 6 + levels: b"<</FT/Sig/T(x)>>"})


def workers() -> list[psutil.Process]:
    """Those of this process that read documents."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "agent.pdf.worker" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not look():
            await asyncio.sleep(0.05)


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
