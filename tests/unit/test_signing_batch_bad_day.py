"""Batches when the disk, a time-stamp authority, a page or the person does not do as hoped (R6); openssl judges."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.algorithms import digest_named, new_digest
from agent.api import batches
from agent.api.batches import MAX_OF_ORIGIN, Batches
from agent.consent.prompter import BatchPrompt
from agent.errors import BadParameters, JournalUnwritable, Refused, TimestampUnavailable
from agent.journal import Journal
from agent.model import Digest, Document
from agent.pdf import process
from agent.signing.batch_finishing import GIVE_UP, SIDE_BY_SIDE
from agent.signing.batch_look import check_digests
from agent.signing.batch_request import BatchRequest, Deliver
from agent.timestamp.request import request, token_of
from tests.harness import pdf
from tests.harness.authority import Authority
from tests.harness.core import Core
from tests.unit.test_signing_batch import begun, content, documents, errors, fetched, judge

AT_T = {"options": {"format": "cades", "level": "t"}}


def answer_of(authority: Authority, octets: bytes, digest: str) -> bytes:
    imprint = new_digest(digest, octets).digest()
    return token_of(authority.stamp(request(digest_named(digest), imprint, 7)))


@pytest.fixture
def core(tmp_path: Path) -> Core:
    made = Core(tmp_path)
    made.tokens.add("DEMO Signer")
    return made


class Stamping:
    """A time-stamp authority that can be slow or gone; how many were asked of it side by side."""

    def __init__(self, core: Core, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.authority = Authority(folder, "rsa", "http://authority.example")
        self.asked = self.now = self.most = 0
        self.gone_for: set[int] = set()
        self.together = asyncio.Event()
        core.authorities.unreachable = None
        monkeypatch.setattr(core.authorities, "stamp", self.stamp)

    async def stamp(self, octets: bytes, digest: str) -> bytes:
        self.asked += 1
        number = self.asked
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == SIDE_BY_SIDE:
            self.together.set()
        try:
            async with asyncio.timeout(20):
                await self.together.wait()
        finally:
            self.now -= 1
        if number in self.gone_for:
            raise TimestampUnavailable(tried="Test=refused", possible_level="b")
        return answer_of(self.authority, octets, digest)


@pytest.fixture
def stamping(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stamping:
    (tmp_path / "authority").mkdir()
    return Stamping(core, tmp_path / "authority", monkeypatch)


async def test_time_stamps_are_waited_for_side_by_side_and_no_more_than_a_few(
    core: Core, stamping: Stamping, tmp_path: Path
) -> None:
    page = core.page()
    count = 2 * SIDE_BY_SIDE
    found, ended = await fetched(core, page, await begun(core, page, count, **AT_T))
    assert (ended, errors(found), len(found)) == ("", {}, count)
    assert stamping.most == SIDE_BY_SIDE
    for index, one in found.items():
        assert one["result"]["level"] == "t"
        judge(tmp_path, one["result"], content(index))


async def test_what_got_no_time_stamp_is_signed_once_the_person_goes_on(core: Core, stamping: Stamping) -> None:
    page = core.page()
    stamping.together.set()
    stamping.gone_for = {2, 5}
    found, ended = await fetched(core, page, await begun(core, page, 8, **AT_T))
    assert (ended, errors(found), len(found)) == ("", {}, 8)
    assert [type(error) for error in core.person.failures] == [TimestampUnavailable]
    assert (core.tokens.logins, stamping.asked) == (2, 10)


async def test_an_authority_that_is_gone_ends_the_login_and_not_each_document(core: Core, stamping: Stamping) -> None:
    page = core.page()
    stamping.together.set()
    stamping.gone_for = set(range(3, 1000))
    core.person.answers = [None, Refused()]
    found, ended = await fetched(core, page, await begun(core, page, 40, **AT_T))
    assert (ended, len(found)) == ("", 40)
    assert set(errors(found).values()) == {"timestamp_unavailable"}
    assert 40 - len(errors(found)) == 2
    assert stamping.asked <= 2 + GIVE_UP + SIDE_BY_SIDE


async def test_an_authority_that_is_gone_is_asked_a_few_times_where_less_will_do(
    core: Core, stamping: Stamping, tmp_path: Path
) -> None:
    page = core.page()
    stamping.together.set()
    stamping.gone_for = set(range(1, 1000))
    options = {"format": "cades", "level": "t", "fallback": True}
    found, ended = await fetched(core, page, await begun(core, page, 40, options=options))
    assert (ended, errors(found), len(found), core.tokens.logins) == ("", {}, 40, 1)
    assert {one["result"]["level"] for one in found.values()} == {"b"}
    assert stamping.asked <= GIVE_UP + SIDE_BY_SIDE
    judge(tmp_path, found[39]["result"], content(39))


async def test_whoever_stops_while_time_stamps_are_waited_for_keeps_what_is_done(
    core: Core, stamping: Stamping, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = core.page()
    hung = asyncio.Event()

    async def stamp(octets: bytes, digest: str) -> bytes:
        stamping.asked += 1
        if stamping.asked > 3:
            hung.set()
            await asyncio.Event().wait()
        return answer_of(stamping.authority, octets, digest)

    monkeypatch.setattr(core.authorities, "stamp", stamp)
    batch = await begun(core, page, 30, **AT_T)
    async with asyncio.timeout(20):
        await hung.wait()
    core.person.stop.set()
    found, _ = await fetched(core, page, batch)
    assert (len(found), set(errors(found).values())) == (30, {"cancelled"})
    assert len(found) - len(errors(found)) == 3


async def test_what_the_journal_could_not_take_is_signed_anew_when_it_can(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, note_all, full = core.page(), Journal.note_all, [True]

    def once_full(journal: Journal, kind: str, rows: Any, **more: Any) -> Any:
        if kind == "batch_result" and full:
            full.pop()
            raise JournalUnwritable(reason="No space left on device")
        return note_all(journal, kind, rows, **more)

    monkeypatch.setattr(Journal, "note_all", once_full)
    found, ended = await fetched(core, page, await begun(core, page, 5))
    assert (ended, errors(found), sorted(found)) == ("", {}, list(range(5)))
    assert [type(error) for error in core.person.failures] == [JournalUnwritable]
    assert core.journal.verify().broken_at is None


async def test_nothing_leaves_that_the_journal_did_not_take(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    page, note_all = core.page(), Journal.note_all

    def full(journal: Journal, kind: str, rows: Any, **more: Any) -> Any:
        if kind == "batch_result":
            raise JournalUnwritable(reason="No space left on device")
        return note_all(journal, kind, rows, **more)

    monkeypatch.setattr(Journal, "note_all", full)
    core.person.answers = [None, Refused()]
    found, ended = await fetched(core, page, await begun(core, page, 5))
    assert (ended, found) == ("journal_unwritable", {})


async def test_a_stop_before_the_first_signature_is_a_refusal_and_asks_no_more(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = core.page()
    logged_in = asyncio.Event()

    async def slow(*_: Any) -> AsyncIterator[tuple[int, bytes]]:
        logged_in.set()
        await asyncio.Event().wait()
        yield 0, b""

    monkeypatch.setattr(core.tokens, "sign_many", slow)
    batch = await begun(core, page, 3)
    async with asyncio.timeout(20):
        await logged_in.wait()
    core.person.stop.set()
    found, ended = await fetched(core, page, batch)
    assert (ended, found, core.person.failures) == ("refused", {}, [])
    entries = core.journal.entries(100)
    assert [entry.facts["outcome"] for entry in entries if entry.kind == "outcome"] == ["refused"]


async def test_the_pages_of_a_site_have_few_batches_together_and_another_site_has_its_own(core: Core) -> None:
    for _ in range(MAX_OF_ORIGIN):
        await begun(core, core.page(), 1)
    answer = await core.call(core.page(), "sign_batch", {"documents": documents(1)})
    assert (answer["error"]["message"], answer["error"]["data"]["facts"]) == ("busy", {"limit": MAX_OF_ORIGIN})
    await begun(core, core.page("https://other.example"), 1)
    for _ in range(MAX_OF_ORIGIN + 1):
        answer = await core.call(core.command(), "sign_files", {"paths": ["/none"]})
        assert "result" in answer


async def test_results_are_asked_for_in_turn_and_again_until_the_next_call_says_that_they_came(core: Core) -> None:
    page = core.page()
    batch = await begun(core, page, 3)
    first = (await core.call(page, "batch_next", {"batch": batch}))["result"]
    again = (await core.call(page, "batch_next", {"batch": batch}))["result"]
    assert again["results"][: len(first["results"])] == first["results"]
    beyond = await core.call(page, "batch_next", {"batch": batch, "after": 4})
    assert beyond["error"]["message"] == "bad_parameters"
    rest = await core.call(page, "batch_next", {"batch": batch, "after": again["next"]})
    assert "result" in rest, rest
    assert rest["result"]["done"]
    let_go = await core.call(page, "batch_next", {"batch": batch, "after": 0})
    assert let_go["error"]["message"] == "bad_parameters"


async def test_a_batch_that_is_stopped_before_it_began_ends_all_the_same(core: Core) -> None:
    page, made = core.page(), Batches()

    async def work(_deliver: Deliver) -> None:
        raise AssertionError

    batch = made.begin(page, 1, "en", work)
    assert batch.task is not None
    batch.task.cancel()
    with pytest.raises(Exception, match="cancelled"):
        async with asyncio.timeout(20):
            await batch.next(0)


async def test_hostile_names_reach_the_window_as_they_are_and_a_long_reason_is_cut(core: Core, tmp_path: Path) -> None:
    page = core.page()
    names = ["\u202egnp.exe", "../../etc/passwd", "a" * 512, "same", "same", ""]
    rows = [{"name": name, "content": base64.b64encode(b"x").decode()} for name in names]
    answer = await core.call(page, "sign_batch", {"documents": rows})
    found, _ = await fetched(core, page, answer["result"]["batch"])
    assert (errors(found), len(found)) == ({}, 6)
    (prompt,) = core.person.shown
    assert isinstance(prompt, BatchPrompt)
    assert [row.name for row in prompt.documents] == names
    too_long = await core.call(page, "sign_batch", {"documents": [{"name": "a" * 513, "content": ""}]})
    assert too_long["error"]["message"] == "bad_parameters"
    (tmp_path / "good").write_bytes(b"x")
    paths = [str(tmp_path / "good"), "/" + "\U0001f600" * 4000]
    command = core.command()
    answer = await core.call(command, "sign_files", {"paths": paths})
    await fetched(core, command, answer["result"]["batch"])
    prompt = core.person.shown[-1]
    assert isinstance(prompt, BatchPrompt)
    assert len(prompt.documents[1].problem) < 400


async def test_signatures_that_come_in_blocks_find_their_documents(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = core.tokens.sign_many

    async def in_blocks(entry: Any, algorithm: Any, jobs: AsyncIterator[Any], pin: Any) -> AsyncIterator[Any]:
        taken = [job async for job in jobs]

        async def again() -> AsyncIterator[Any]:
            for job in taken:
                yield job

        async for signed in one_by_one(entry, algorithm, again(), pin):
            yield signed

    monkeypatch.setattr(core.tokens, "sign_many", in_blocks)
    page = core.page()
    found, ended = await fetched(core, page, await begun(core, page, 4))
    assert (ended, errors(found), core.person.failures) == ("", {}, [])
    for index, one in found.items():
        judge(tmp_path, one["result"], content(index))


async def test_a_level_that_nobody_can_give_asks_nobody(core: Core) -> None:
    page = core.page()
    found, ended = await fetched(core, page, await begun(core, page, 2, **AT_T))
    assert (found, ended, core.person.shown) == ({}, "timestamp_unconfigured", [])


async def test_a_document_that_is_looked_at_shows_what_its_signature_will_say(core: Core) -> None:
    page = core.page()
    await fetched(core, page, await begun(core, page, 1, options={"format": "cades", "reason": "<b>I agree</b>"}))
    (prompt,) = core.person.shown
    assert isinstance(prompt, BatchPrompt)
    (shown,) = [one async for one in core.person.show(0)]
    assert shown is not None
    assert dict(shown.stated) == dict(prompt.stated) == {"reason": "<b>I agree</b>"}


async def test_pdfs_of_a_batch_share_a_process_to_be_looked_at_and_one_to_be_prepared(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    start = process._start

    def counted(*limits: int) -> Any:
        started.append(start(*limits))
        return started[-1]

    monkeypatch.setattr(process, "_start", counted)
    page = core.page()
    contents = [pdf.plain(), b"%PDF-1.7 damaged", pdf.plain() + b"% two\n", pdf.plain() + b"% three\n"]
    rows = [{"name": f"{n}.pdf", "content": base64.b64encode(one).decode()} for n, one in enumerate(contents)]
    answer = await core.call(page, "sign_batch", {"documents": rows, "options": {"format": "pades"}})
    found, _ = await fetched(core, page, answer["result"]["batch"])
    assert errors(found) == {1: "document_damaged"}
    assert len(started) == 2
    assert all(one.poll() is not None for one in started)
    for index in (0, 2, 3):
        made = base64.b64decode(found[index]["result"]["signature"])
        assert made.startswith(contents[index])
        assert "Signature is Valid" in pdf.pdfsig(made, tmp_path)


@pytest.mark.parametrize(("name", "value", "most"), [("MAX_RESULTS", 2, 2), ("MAX_OCTETS", 1, 1)])
async def test_one_answer_does_not_grow_with_the_batch(
    core: Core, monkeypatch: pytest.MonkeyPatch, name: str, value: int, most: int
) -> None:
    monkeypatch.setattr(batches, name, value)
    page = core.page()
    batch = await begun(core, page, 5)
    seen: list[int] = []
    while True:
        told = (await core.call(page, "batch_next", {"batch": batch, "after": len(seen)}))["result"]
        assert 0 < len(told["results"]) <= most
        seen += [one["index"] for one in told["results"]]
        assert told["next"] == len(seen)
        if told["done"]:
            break
    assert sorted(seen) == list(range(5))


@pytest.mark.parametrize(
    ("algorithms", "whole", "named"), [(("sha256", "sha512"), False, None), (("sha256",), True, "sha512")]
)
def test_digests_of_two_algorithms_are_no_batch(algorithms: tuple[str, ...], whole: bool, named: str | None) -> None:
    given = [Digest("d", name, b"") for name in algorithms]
    documents = (*given, Document("w", b"")) if whole else tuple(given)
    with pytest.raises(BadParameters):
        check_digests(BatchRequest("https://site.example", documents, digest_algorithm=named))


async def test_a_batch_that_was_refused_makes_room_for_the_next_one(core: Core) -> None:
    page = core.page()
    for _ in range(3):
        core.person.answers = [Refused()]
        assert await fetched(core, page, await begun(core, page, 1)) == ({}, "refused")


async def test_signers_are_added_to_one_signature_at_a_time(core: Core) -> None:
    added = {"format": "cades", "mode": "co_sign", "existing": "MAA="}
    answer = await core.call(core.page(), "sign_batch", {"documents": documents(1), "options": added})
    assert answer["error"]["data"]["facts"] == {"detail": "existing goes with one document"}
    answer = await core.call(core.command(), "sign_files", {"paths": ["/none"], "options": added})
    assert answer["error"]["data"]["facts"] == {"detail": "existing goes with one document"}
