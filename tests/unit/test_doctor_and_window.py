"""What stands behind a window of the doctor: looks that are broken off, repairs that outlive the window (R22, R23)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli import doctor
from agent.cli.context import Context
from agent.cli.doctor import SCOPES, Doctor
from agent.config import Locations, secure_folder
from agent.desktop import doctor_messages as say
from agent.diagnostics import history
from agent.diagnostics.base import Check, Finding, run
from agent.diagnostics.checks import CHECKS
from agent.diagnostics.mending import offering
from agent.errors import SettingsDamaged, WindowClosed
from tests.harness.diagnosed import Fake

LIMIT = 60  # seconds


class Window:
    """In the place of the window: says what the test says, and keeps what it is told."""

    def __init__(self) -> None:
        self._says: asyncio.Queue[object] = asyncio.Queue()
        self.told: list[Any] = []
        self._heard = asyncio.Condition()

    def say(self, message: object) -> None:
        self._says.put_nowait(message)

    def close(self) -> None:
        self._says.put_nowait(None)

    async def said(self) -> object:
        message = await self._says.get()
        if message is None:
            raise WindowClosed()
        return message

    async def tell(self, message: object) -> None:
        async with self._heard:
            self.told.append(message)
            self._heard.notify_all()

    async def until(self, kind: type, number: int = 1) -> Any:
        """Until it was told that many messages of a kind; the last of them."""
        async with asyncio.timeout(LIMIT), self._heard:
            await self._heard.wait_for(lambda: len(self.of(kind)) >= number)
            return self.of(kind)[number - 1]

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    places = Locations(state=tmp_path / "state", runtime=tmp_path / "run")
    secure_folder(places.state)
    (tmp_path / "home/.config/chromium").mkdir(parents=True)
    return Context(places, {"HOME": str(tmp_path / "home")}, "en")


def manifest(context: Context) -> Path:
    return Path(context.environment["HOME"], ".config/chromium/NativeMessagingHosts/pero.agent.json")


def missing(context: Context) -> Finding:
    return Finding("browsers.manifests", "absent", "warning", {"browser": "Chromium", "path": str(manifest(context))})


async def serving(context: Context, look: Callable[..., Any], first: say.Scope | None = None) -> Any:
    window = Window()
    one = Doctor(context, window, look)
    return one, window, asyncio.create_task(one.serve(first))


async def ended(window: Window, task: asyncio.Task[None]) -> None:
    window.close()
    async with asyncio.timeout(LIMIT):
        await task


async def test_a_look_that_lasts_is_broken_off_and_another_one_is_made(context: Context) -> None:
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def look(scope: str, _told: object) -> list[Finding]:
        if scope == "quick":
            return [missing(context)]
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()
        raise AssertionError

    _, window, task = await serving(context, look, "full")
    await asyncio.wait_for(begun.wait(), LIMIT)
    window.say(say.ExamineAgain("quick"))  # not heard: one look at a time
    window.say(say.StopExamining())
    await window.until(say.Stopped)
    assert broken_off.is_set()
    assert not window.of(say.Examined)
    window.say(say.ExamineAgain("quick"))
    examined = await window.until(say.Examined)
    assert [row.id for row in examined.rows] == ["browsers.manifests"]
    await ended(window, task)


async def test_a_window_that_closes_ends_the_look(context: Context) -> None:
    broken_off = asyncio.Event()

    async def look(_scope: str, _told: object) -> list[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()
        raise AssertionError

    one, window, task = await serving(context, look, "full")
    await window.until(say.Examining)
    await ended(window, task)
    assert broken_off.is_set()
    assert not one.mended_alone


async def test_progress_is_told_while_checks_end(context: Context) -> None:
    checks = [Check(f"agent.{name}", _nothing) for name in ("running", "port", "files")]

    async def look(_scope: str, told: Callable[[int, int], None]) -> list[Finding]:
        return await run(checks, Fake(), told=told)

    _, window, task = await serving(context, look, "quick")
    await window.until(say.Examined)
    parts = [(one.done, one.total) for one in window.of(say.Examining)]
    assert parts[0] == (0, 0)
    assert parts[-1] == (3, 3)
    assert parts == sorted(parts)
    await ended(window, task)


async def test_a_look_that_is_broken_off_tells_of_no_progress_afterwards(context: Context) -> None:
    begun = asyncio.Event()

    async def long(_probe: object) -> list[Finding]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def look(_scope: str, told: Callable[[int, int], None]) -> list[Finding]:
        return await run([Check("agent.running", long), Check("agent.port", long)], Fake(), told=told)

    _, window, task = await serving(context, look, "full")
    await asyncio.wait_for(begun.wait(), LIMIT)
    window.say(say.StopExamining())
    await window.until(say.Stopped)
    await ended(window, task)
    assert isinstance(window.told[-1], say.Stopped)


async def _nothing(_probe: object) -> list[Finding]:
    return []


async def test_what_cannot_be_looked_at_is_told_and_leaves_a_window_that_works(context: Context) -> None:
    broken = [True]

    async def look(_scope: str, _told: object) -> list[Finding]:
        if broken:
            raise SettingsDamaged(path="settings.json", detail="half a line")
        return [missing(context)]

    _, window, task = await serving(context, look, "full")
    await window.until(say.Stopped)
    told = await window.until(say.Told)
    assert told.kind == "error"
    assert "settings.json" in told.text
    broken.clear()
    window.say(say.ExamineAgain("full"))
    await window.until(say.Examined)
    await ended(window, task)


async def test_what_is_mended_is_looked_at_again(context: Context) -> None:
    async def look(_scope: str, _told: object) -> list[Finding]:
        return [] if manifest(context).exists() else [missing(context)]

    _, window, task = await serving(context, look, "quick")
    examined = await window.until(say.Examined)
    assert [repair.remedy for repair in examined.repairs] == [examined.rows[0].remedy]
    window.say(say.MendThis(examined.rows[0].remedy))
    again = await window.until(say.Examined, 2)
    assert again.rows == ()
    assert json.loads(manifest(context).read_text())["name"] == "pero.agent"
    assert (await window.until(say.Told)).kind == "information"
    await ended(window, task)


async def test_a_repair_is_ended_though_its_window_went_and_is_not_broken_off_by_a_wish_to_stop(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where an agent is started anew: its own window goes with it."""
    begun, go_on, perform = asyncio.Event(), asyncio.Event(), offering.perform

    async def slowly(*arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await perform(*arguments)

    monkeypatch.setattr(offering, "perform", slowly)

    async def look(_scope: str, _told: object) -> list[Finding]:
        return [missing(context)]

    one, window, task = await serving(context, look, "quick")
    examined = await window.until(say.Examined)
    window.say(say.MendThis(examined.rows[0].remedy))
    await asyncio.wait_for(begun.wait(), LIMIT)
    window.say(say.StopExamining())
    window.close()
    done, _ = await asyncio.wait([task], timeout=0)
    assert not done
    go_on.set()
    async with asyncio.timeout(LIMIT):
        await task
    assert manifest(context).exists()
    assert one.mended_alone
    assert len(window.of(say.Examined)) == 1, "nobody is there to look for"


async def test_a_repair_that_nobody_offered_is_not_made(context: Context) -> None:
    async def look(_scope: str, _told: object) -> list[Finding]:
        return [missing(context)]

    _, window, task = await serving(context, look)
    window.say(say.MendThis("manifests_written"))
    await window.until(say.Examined)
    assert not manifest(context).exists()
    await ended(window, task)


@pytest.mark.parametrize(("scope", "kept"), [("full", True), ("quick", False), ("guide", False)])
async def test_only_a_whole_look_goes_into_the_history_of_the_machine(
    context: Context, scope: say.Scope, kept: bool
) -> None:
    async def look(_scope: str, _told: object) -> list[Finding]:
        return [Finding("agent.files", "closed", "ok"), Finding("time.battery", "none", "not_applicable")]

    _, window, task = await serving(context, look, scope)
    examined = await window.until(say.Examined)
    assert (context.locations.state / history.NAME).exists() is kept
    assert len(examined.rows) == (2 if kept else 1), "what does not apply is told in a whole report only"
    await ended(window, task)


def test_the_first_looks_name_checks_that_there_are() -> None:
    """The guide looks at the drivers, the token, the browsers and the clock."""
    known = {check.id for check in CHECKS}
    for ids, _ in SCOPES.values():
        assert set(ids) <= known
    assert {"modules.loadable", "tokens.seen", "browsers.manifests", "time.clock"} <= set(SCOPES["guide"][0])
    assert doctor.SCOPES["full"][0] == (), "all of them"
