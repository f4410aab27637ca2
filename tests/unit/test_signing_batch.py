"""Many documents with one confirmation and one login, on good and bad days (R6); openssl judges what comes out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.api.caller import Caller
from agent.consent.prompter import BatchPrompt
from agent.errors import Refused, TokenAbsent, WindowClosed
from tests.harness.core import NOON, Core
from tests.unit.test_pdf_drawing import pdf

PDF = "a.pdf"


@pytest.fixture
def core(tmp_path: Path) -> Core:
    made = Core(tmp_path)
    made.tokens.add("DEMO Signer")
    return made


def content(number: int) -> bytes:
    return b"document %d" % number


def documents(count: int) -> list[dict[str, Any]]:
    return [{"name": f"{n}.txt", "content": base64.b64encode(content(n)).decode()} for n in range(count)]


async def begun(core: Core, caller: Caller, count: int, **more: Any) -> str:
    answer = await core.call(caller, "sign_batch", {"documents": documents(count), **more})
    assert answer["result"]["count"] == count
    return str(answer["result"]["batch"])


async def fetched(core: Core, caller: Caller, batch: str) -> tuple[dict[int, Any], str]:
    """What came, by the number of the document, and the error that ended it."""
    found: dict[int, Any] = {}
    after = 0
    while True:
        answer = await core.call(caller, "batch_next", {"batch": batch, "after": after}, identifier=2)
        if "error" in answer:
            return found, str(answer["error"]["message"])
        result = answer["result"]
        for one in result["results"]:
            assert one["index"] not in found
            found[one["index"]] = one
        after = result["next"]
        if result["done"]:
            return found, ""


def errors(found: dict[int, Any]) -> dict[int, str]:
    return {index: one["error"]["message"] for index, one in found.items() if "error" in one}


def judge(folder: Path, signed: dict[str, Any], expected: bytes) -> None:
    (folder / "s.der").write_bytes(base64.b64decode(signed["signature"]))
    (folder / "c.der").write_bytes(base64.b64decode(signed["certificate"]["certificate"]))
    (folder / "content").write_bytes(expected)
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", folder / "c.der", "-out", folder / "c.pem"], check=True)
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", folder / "s.der", "-CAfile",
         folder / "c.pem", "-purpose", "any", "-attime", str(int(NOON.timestamp())), "-content", folder / "content"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


async def test_openssl_accepts_each_and_there_is_one_prompt_and_one_login(core: Core, tmp_path: Path) -> None:
    page = core.page()
    found, ended = await fetched(core, page, await begun(core, page, 5))
    assert (ended, sorted(found), core.tokens.logins) == ("", list(range(5)), 1)
    for index, one in found.items():
        judge(tmp_path, one["result"], content(index))
    (prompt,) = core.person.shown
    assert isinstance(prompt, BatchPrompt)
    assert [row.name for row in prompt.documents] == [f"{n}.txt" for n in range(5)]
    assert prompt.documents[3].digest == hashlib.sha256(content(3)).hexdigest()
    (shown,) = [one async for one in core.person.show(3)]
    assert shown is not None
    assert shown.preview == "document 3"
    assert [one async for one in core.person.show(5)] == [None]


async def test_digests_made_elsewhere_are_signed_too(core: Core, tmp_path: Path) -> None:
    page = core.page()
    value = base64.b64encode(hashlib.sha384(b"far away").digest()).decode()
    rows = [{"name": "a", "digest": value}, {"name": "b", "digest": base64.b64encode(b"short").decode()}]
    answer = await core.call(page, "sign_batch", {"documents": rows, "digest_algorithm": "sha384"})
    found, ended = await fetched(core, page, answer["result"]["batch"])
    assert (ended, errors(found)) == ("", {1: "digest_length"})
    judge(tmp_path, found[0]["result"], b"far away")


async def test_what_cannot_be_signed_is_shown_with_its_reason_and_stops_nobody(core: Core) -> None:
    page = core.page()
    sign_in = base64.b64encode(b'{"pero:sign-in": 1}').decode()
    rows = [*documents(2), {"name": "false.json", "content": sign_in}, {"name": "odd", "content": "*"}]
    answer = await core.call(page, "sign_batch", {"documents": rows})
    found, _ = await fetched(core, page, answer["result"]["batch"])
    assert errors(found) == {2: "bad_parameters", 3: "bad_parameters"}
    (prompt,) = core.person.shown
    assert isinstance(prompt, BatchPrompt)
    assert [bool(row.problem) for row in prompt.documents] == [False, False, True, True]


async def test_nobody_is_asked_where_nothing_can_be_signed(core: Core) -> None:
    page = core.page()
    answer = await core.call(page, "sign_batch", {"documents": [{"name": PDF, "content": "AAAA"}] * 2,
                                                  "options": {"format": "pades"}})  # fmt: skip
    found, _ = await fetched(core, page, answer["result"]["batch"])
    assert set(errors(found).values()) == {"document_damaged"}
    assert core.person.shown == []


async def test_what_the_person_strikes_out_is_refused_alone(core: Core) -> None:
    page = core.page()
    core.person.struck = (1, 3)
    found, _ = await fetched(core, page, await begun(core, page, 5))
    assert errors(found) == {1: "refused", 3: "refused"}
    assert core.tokens.signed == 3


@pytest.mark.parametrize("answer", [Refused(), WindowClosed()])
async def test_a_refusal_of_all_is_one_error(core: Core, answer: Any) -> None:
    page = core.page()
    core.person.answers = [answer]
    rows = [*documents(2), {"name": "odd", "content": "*"}]
    begun_batch = await core.call(page, "sign_batch", {"documents": rows})
    found, ended = await fetched(core, page, begun_batch["result"]["batch"])
    assert (errors(found), ended) == ({2: "bad_parameters"}, answer.name)
    assert core.tokens.signed == 0


async def test_what_was_signed_before_the_token_went_is_kept_and_the_person_may_go_on(core: Core) -> None:
    page = core.page()
    core.tokens.fail, core.tokens.fail_at = [TokenAbsent(token="memory", module="m")], 3
    found, ended = await fetched(core, page, await begun(core, page, 8))
    assert (ended, errors(found), len(found)) == ("", {}, 8)
    assert [type(error) for error in core.person.failures] == [TokenAbsent]
    assert (core.tokens.logins, core.tokens.signed) == (2, 8)


async def test_where_the_person_gives_up_then_the_rest_gets_the_error_and_what_is_done_stays(core: Core) -> None:
    page = core.page()
    core.tokens.fail, core.tokens.fail_at = [TokenAbsent(token="memory", module="m")], 3
    core.person.answers = [None, Refused()]
    core.person.struck = (7,)
    found, ended = await fetched(core, page, await begun(core, page, 8))
    assert ended == ""
    assert errors(found) == {3: "token_absent", 4: "token_absent", 5: "token_absent", 6: "token_absent", 7: "refused"}


async def test_whoever_stops_keeps_what_is_done(core: Core) -> None:
    page = core.page()
    batch = await begun(core, page, 8)
    core.tokens.pause_at, core.tokens.paused = 3, asyncio.Event()
    async with asyncio.timeout(20):
        await core.tokens.paused.wait()
    core.person.stop.set()
    found, ended = await fetched(core, page, batch)
    assert (ended, len(found), set(errors(found).values())) == ("", 8, {"cancelled"})
    assert 0 < len(errors(found)) < 8


async def test_a_page_that_stops_keeps_what_is_done_too(core: Core) -> None:
    page = core.page()
    batch = await begun(core, page, 8)
    core.tokens.pause_at, core.tokens.paused = 3, asyncio.Event()
    async with asyncio.timeout(20):
        await core.tokens.paused.wait()
    assert "result" in await core.call(page, "batch_stop", {"batch": batch})
    found, ended = await fetched(core, page, batch)
    assert (ended, len(found), set(errors(found).values())) == ("", 8, {"cancelled"})
    assert 0 < len(errors(found)) < 8


async def test_the_journal_has_every_document_before_it_is_signed_and_its_outcome_before_it_leaves(core: Core) -> None:
    page = core.page()
    core.person.struck = (0,)
    found, _ = await fetched(core, page, await begun(core, page, 3))
    entries = core.journal.entries(100)
    kinds = [entry.kind for entry in entries]
    order = ["sign_batch", *["batch_document"] * 3, "confirmed", *["batch_result"] * 3, "outcome"]
    assert [kind for kind in kinds if kind in order] == order
    results = {entry.facts["index"]: entry.facts for entry in entries if entry.kind == "batch_result"}
    assert results[0]["outcome"] == "refused"
    signature = base64.b64decode(found[1]["result"]["signature"])
    assert results[1]["signature"] == f"sha256:{hashlib.sha256(signature).hexdigest()}"
    assert core.journal.verify().broken_at is None


async def test_a_batch_is_the_callers_own_and_there_are_few_of_one(core: Core) -> None:
    page, other = core.page(), core.page("https://other.example")
    batch = await begun(core, page, 1)
    for stranger in (other, core.page()):  # another site, and another page of the same one
        for method in ("batch_next", "batch_stop"):
            answer = await core.call(stranger, method, {"batch": batch})
            assert answer["error"]["message"] == "bad_parameters"
    await begun(core, page, 1)
    answer = await core.call(page, "sign_batch", {"documents": documents(1)})
    assert answer["error"]["message"] == "busy"


async def test_a_batch_that_was_fetched_makes_room_for_the_next_one(core: Core) -> None:
    caller = core.page()
    for _ in range(3):
        found, _ = await fetched(core, caller, await begun(core, caller, 2))
        assert not errors(found)
        assert len(found) == 2


async def test_a_connection_that_ends_ends_its_batch(core: Core) -> None:
    page = core.page()
    await begun(core, page, 8)
    core.tokens.pause_at, core.tokens.paused = 3, asyncio.Event()
    async with asyncio.timeout(20):
        await core.tokens.paused.wait()
    core.dispatcher.closed(page)
    async with asyncio.timeout(20):
        while not (ended := [entry.facts for entry in core.journal.entries(100) if entry.kind == "outcome"]):
            await asyncio.sleep(0.01)
    assert [facts["outcome"] for facts in ended] == ["cancelled"]
    assert core.tokens.signed <= 4


async def test_files_of_a_command_are_signed_and_those_that_cannot_be_read_are_said(core: Core, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_bytes(content(number))
    command = core.command()
    paths = [*(str(tmp_path / f"{number}.txt") for number in range(3)), str(tmp_path / "none"), "relative"]
    answer = await core.call(command, "sign_files", {"paths": paths})
    found, _ = await fetched(core, command, answer["result"]["batch"])
    assert errors(found) == {3: "file_unreadable", 4: "bad_parameters"}
    for number in range(3):
        judge(tmp_path, found[number]["result"], content(number))


@pytest.mark.parametrize("patience", [60.0, 0.0])
async def test_pages_of_a_document_that_is_looked_at_are_drawn_and_nobody_waits_long_for_them(
    core: Core, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr("agent.signing.batch._BY_ITSELF", patience)
    monkeypatch.setattr("agent.pdf.drawing.DEADLINE", 60.0)  # on a machine under load, too
    core.person.kind = "window"
    page = core.page()
    rows = [{"name": PDF, "content": base64.b64encode(pdf(3)).decode()}]
    answer = await core.call(page, "sign_batch", {"documents": rows})
    await fetched(core, page, answer["result"]["batch"])
    told = [one async for one in core.person.show(0)]
    assert [len(one.drawings) for one in told if one is not None] == ([3] if patience else [0, 3])
    assert {one.name for one in told if one is not None} == {PDF}
