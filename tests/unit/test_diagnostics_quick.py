"""The quick look: shared by those who ask, and the one finding that explains why a page's request failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.app import Composition
from agent.config import Locations, Settings, save_settings
from agent.diagnostics import quick
from agent.diagnostics.checks import CHECKS
from agent.diagnostics.probes.cards import View
from agent.diagnostics.quick import EXPLAINING, QUICK, QuickLook
from agent.errors import ERRORS, PinLocked, Refused, StateUnsafe, TokenAbsent
from tests.harness.core import Core
from tests.harness.diagnosed import Fake, FakeCards, token


class Counted(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.opened = 0

    @asynccontextmanager
    async def machine(self) -> AsyncIterator[Fake]:
        self.opened += 1
        yield self


def test_what_is_looked_at_and_what_explains_are_checks_and_errors_that_there_are() -> None:
    known = [check.id for check in CHECKS]
    assert set(QUICK) <= set(known)
    assert set(EXPLAINING) <= {error.name for error in ERRORS}
    assert {identifier for candidates in EXPLAINING.values() for identifier in candidates} <= set(QUICK)


async def test_those_who_ask_at_once_share_one_look_and_a_later_one_looks_anew() -> None:
    fake = Counted()
    look = QuickLook(fake.machine)
    first, second = await asyncio.gather(look.findings(), look.findings())
    assert first == second
    assert {finding.id for finding in first} == set(QUICK)
    assert fake.opened == 1
    await look.findings()
    assert fake.opened == 2, "a person who mended something sees it"
    for _ in range(20):
        await look.explains("no_certificate")
    assert fake.opened == 2, "a page that fails often does not keep the machine busy"


async def test_what_is_mended_while_a_look_lasts_is_seen_by_who_asks_after_that() -> None:
    class Slow(FakeCards):
        async def view(self) -> View:
            seen = self.seen
            begun.set()
            await go_on.wait()
            return seen

    begun, go_on = asyncio.Event(), asyncio.Event()
    fake = Counted()
    fake.cards = Slow(View("stopped"))
    look = QuickLook(fake.machine)
    early = asyncio.create_task(look.findings())
    await begun.wait()
    fake.cards.seen = View("running")
    late = [asyncio.create_task(look.findings()) for _ in range(3)]
    await asyncio.sleep(0)
    go_on.set()
    assert "pcsc.service" in {one.id for one in await early if one.status == "error"}
    for findings in await asyncio.gather(*late):
        assert "pcsc.service" not in {one.id for one in findings if one.status == "error"}
    assert fake.opened == 2, "one more look for all of them"
    await look.close()
    assert await asyncio.wait_for(look.findings(), 10) == [], "and none once it is closed"


async def test_the_deepest_cause_explains_and_what_is_well_explains_nothing() -> None:
    fake = Counted()
    assert await QuickLook(fake.machine).explains("token_absent") == ""
    fake.tokens, fake.certificates = [], []
    assert await QuickLook(fake.machine).explains("no_certificate") == "tokens.seen"
    fake.cards = FakeCards(View("stopped"))
    assert await QuickLook(fake.machine).explains("no_certificate") == "pcsc.service"
    assert await QuickLook(fake.machine).explains("refused") == ""
    assert await QuickLook().explains("no_certificate") == "", "with no machine to look at"


async def test_an_answer_does_not_wait_for_a_look_that_hangs(monkeypatch: Any) -> None:
    class Hung(FakeCards):
        async def view(self) -> View:
            await asyncio.Event().wait()
            return self.seen

    fake = Counted()
    fake.cards = Hung(View("running"))
    monkeypatch.setattr(quick, "EXPLAINED_WITHIN", 0.05)
    look = QuickLook(fake.machine)
    assert await look.explains("token_absent") == ""
    await look.close()


@pytest.mark.parametrize(("caller", "explained"), [("page", True), ("command", False), ("stranger", False)])
async def test_only_a_page_that_was_let_in_is_told(tmp_path: Path, caller: str, explained: bool) -> None:
    core, fake = Core(tmp_path), Counted()
    fake.tokens = [token(pin_locked=True, label="LABEL-canary")]
    core.services.quick_look = QuickLook(fake.machine)
    core.tokens.add("DEMO Signer")
    core.tokens.fail = [PinLocked(token="memory")]
    core.person.answers = [None, Refused()]
    whom = core.command() if caller == "command" else core.page(allowed=caller == "page")
    answer = await core.call(whom, "sign", {"document": {"name": "a", "content": "YQ=="}})
    assert (answer["error"]["data"].get("finding") == "tokens.pin") is explained
    assert (fake.opened == 1) is explained
    assert "LABEL-canary" not in str(answer)


async def test_a_stranger_is_told_no_finding_whatever_went_wrong(tmp_path: Path) -> None:
    core, fake = Core(tmp_path), Counted()
    fake.open_to_others = [(tmp_path, 0o755)]
    core.services.quick_look = QuickLook(fake.machine)
    core.person.connection = StateUnsafe(path=str(tmp_path), reason="open to other users")
    data = (await core.call(core.page(allowed=False), "connect"))["error"]["data"]
    assert data["name"] == "state_unsafe"
    assert "finding" not in data
    assert fake.opened == 0


async def test_a_page_learns_nothing_of_a_certificate_by_its_explanation(tmp_path: Path) -> None:
    """Named and absent, or there and expired: the same answer, finding and all."""
    answers = []
    for number, thumbprint in enumerate(("ab" * 32, "")):
        core, fake = Core(tmp_path / str(number)), Counted()
        core.places.state.mkdir()
        expired = core.tokens.add("DEMO Signer", days=0)
        core.person.answers = [TokenAbsent(), TokenAbsent()]
        fake.certificates = []
        core.services.quick_look = QuickLook(fake.machine)
        parameters = {"document": {"name": "a", "content": "YQ=="}, "certificate": thumbprint or expired}
        answers.append(await core.call(core.page(), "sign", parameters))
    assert answers[0] == answers[1]
    assert answers[0]["error"]["message"] == "no_certificate"
    assert "finding" in answers[0]["error"]["data"]


async def test_the_extension_is_told_what_is_wrong_and_nothing_of_what_is_well(tmp_path: Path) -> None:
    core, fake = Core(tmp_path), Counted()
    fake.tokens = [token(label="well"), token(label="locked", pin_locked=True)]
    core.services.quick_look = QuickLook(fake.machine)
    for language in ("ru", "en"):
        told = (await core.call(core.extension(), "diagnose", {"language": language}))["result"]
        (row,) = told["findings"]
        assert (row["id"], row["status"]) == ("tokens.pin", "error")
        assert "locked" in row["text"]
        assert told["counts"]["error"] == 1
        assert "well" not in str(told["findings"])
        assert "Макетова" not in str(told)
    for other in (core.page(), core.command()):
        assert (await core.call(other, "diagnose"))["error"]["message"] == "unknown_method"
    assert (await core.call(core.extension(), "diagnose", {"language": "fr"}))["error"]["message"] == "bad_parameters"


async def test_a_look_from_inside_the_agent_asks_several_things_at_once(tmp_path: Path) -> None:
    places = Locations(state=tmp_path, runtime=tmp_path)
    save_settings(places.settings, Settings(clock_hosts=(), clock_pages=(), portals=()))
    environment = {"PERO_HOME": str(tmp_path), "HOME": str(tmp_path), "SOFTHSM2_CONF": str(tmp_path / "none.conf")}
    composition = Composition(environment, places)
    composition.look_quickly()
    serving = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), places.socket)  # it answers
    try:
        findings = await composition.services.quick_look.findings()
    finally:
        serving.close()
        await composition.close()
    assert {finding.id for finding in findings} == set(QUICK)
    assert [finding for finding in findings if finding.case in ("failed", "broken")] == []
