"""What strangers may say, and what they are told: parsing, roles, first contact, queue, cancelling (R1, R46)."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agent.api.dispatcher import MAX_PENDING
from agent.api.methods import METHODS
from agent.consent.prompter import ConnectionAnswer, ConnectionPrompt
from agent.errors import Refused, WindowClosed, from_name
from agent.model import ModuleFault
from tests.harness.core import SITE, Core

DOCUMENT = {"document": {"name": "a.txt", "content": base64.b64encode(b"hello").decode()}}


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer")
    return core


def error(answer: dict[str, Any]) -> str:
    return str(answer["error"]["message"])


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe\x00",
        "nonsense",
        "[]",
        "null",
        '"text"',
        '[{"jsonrpc": "2.0", "id": 1, "method": "status"}]',
        '{"jsonrpc": "1.0", "id": 1, "method": "status"}',
        '{"jsonrpc": "2.0", "method": "status"}',
        '{"jsonrpc": "2.0", "id": null, "method": "status"}',
        '{"jsonrpc": "2.0", "id": 1.5, "method": "status"}',
        '{"jsonrpc": "2.0", "id": 1, "method": 5}',
        '{"jsonrpc": "2.0", "id": 1, "method": "status", "extra": 1}',
        '{"jsonrpc": "2.0", "id": 1, "method": "' + "m" * 65 + '"}',
        '{"jsonrpc": "2.0", "id": "' + "i" * 65 + '", "method": "status"}',
        '{"jsonrpc": "2.0", "id": 99999999999999999999, "method": "status"}',
        "[" * 100_000,
        '{"jsonrpc": "2.0", "id": 1, "method": "status", "params": ' + "[" * 100_000,
    ],
)
async def test_a_malformed_message_is_a_bad_request_and_never_internal(core: Core, message: str | bytes) -> None:
    assert error(await core.raw(core.page(), message)) == "bad_request"


async def test_the_id_of_a_bad_request_is_given_back_where_it_can_be_read(core: Core) -> None:
    answer = await core.raw(core.page(), '{"jsonrpc": "2.0", "id": 7, "method": "status", "extra": 1}')
    assert answer["id"] == 7


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("sign", {}),
        ("sign", []),
        ("sign", {**DOCUMENT, "digest": {"value": "", "algorithm": "sha256", "name": ""}}),
        ("sign", {"document": {"name": "a", "content": "not base64!"}}),
        ("sign", {"document": {"name": "n" * 4097, "content": ""}}),
        ("sign", {**DOCUMENT, "certificate": "ABC"}),
        ("sign", {**DOCUMENT, "pin": "1234"}),
        ("sign", {"digest": {"value": "AAAA", "algorithm": "sha256", "name": "a"}, "attached": True}),
        ("sign", {"digest": {"value": "AAAA", "algorithm": "sha256", "name": "a", "size": -1}}),
        ("connect", {"remember": True}),
        ("select_certificate", {"filter": {"pin": "1"}}),
        ("select_certificate", {"filter": {"thumbprints": "abc"}}),
        ("select_certificate", {"filter": {"thumbprints": ["a"] * 65}}),
        ("select_certificate", {"filter": {"issuer": "i" * 1025}}),
        ("cancel", {}),
    ],
)
async def test_parameters_that_do_not_fit_are_bad_parameters(core: Core, method: str, parameters: Any) -> None:
    assert (
        error(
            await core.raw(core.page(), json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}))
        )
        == "bad_parameters"
    )


async def test_a_digest_of_the_wrong_length_is_refused_before_anybody_is_asked(core: Core) -> None:
    digest = {"digest": {"value": base64.b64encode(b"x" * 20).decode(), "algorithm": "sha256", "name": "a"}}
    answer = await core.call(core.page(), "sign", digest)
    assert answer["error"]["data"]["facts"] == {"algorithm": "sha256", "expected": 32, "given": 20}
    assert core.person.shown == []


async def test_an_unknown_digest_algorithm_is_refused_before_anybody_is_asked(core: Core) -> None:
    digest = {"digest": {"value": "AAAA", "algorithm": "md5", "name": "a"}}
    assert error(await core.call(core.page(), "sign", digest)) == "algorithm_unsupported"
    assert core.person.shown == []


# first contact


async def test_an_unknown_origin_gets_one_identical_answer_to_everything_but_connect(core: Core) -> None:
    caller = core.page(allowed=False)
    requests = [(method.name, {}) for method in METHODS if not method.before_consent]
    requests += [("no_such_method", {}), ("sign", DOCUMENT), ("sign", {"nonsense": 1}), ("status", {"extra": 1})]
    answers = [await core.call(caller, method, parameters) for method, parameters in requests]
    assert {json.dumps(answer, sort_keys=True) for answer in answers} == {json.dumps(answers[0], sort_keys=True)}
    assert error(answers[0]) == "not_allowed"
    assert core.person.shown == []


async def test_a_remembered_origin_may_ask_on_every_later_connection(core: Core) -> None:
    first = core.page(allowed=False)
    assert (await core.call(first, "connect"))["result"] == {"allowed": True, "remembered": True}
    assert "result" in await core.call(core.page(allowed=False), "status")
    assert [type(prompt) for prompt in core.person.shown] == [ConnectionPrompt]


async def test_an_origin_allowed_once_must_ask_again_on_the_next_connection(core: Core) -> None:
    core.person.connection = ConnectionAnswer(remember=False)
    first = core.page(allowed=False)
    assert (await core.call(first, "connect"))["result"] == {"allowed": True, "remembered": False}
    assert "result" in await core.call(first, "status")
    assert error(await core.call(core.page(allowed=False), "status")) == "not_allowed"


async def test_a_refused_origin_is_not_shown_again_for_ten_minutes(core: Core) -> None:
    core.person.connection = Refused()
    caller = core.page(allowed=False)
    assert error(await core.call(caller, "connect")) == "refused"
    assert error(await core.call(core.page(allowed=False), "connect")) == "refused"
    assert len(core.person.shown) == 1


async def test_a_window_that_was_killed_is_no_refusal(core: Core) -> None:
    core.person.connection = WindowClosed()
    caller = core.page(allowed=False)
    assert error(await core.call(caller, "connect")) == "window_closed"
    core.person.connection = ConnectionAnswer(remember=True)
    assert "result" in await core.call(caller, "connect")


async def test_a_forgotten_site_must_ask_anew(core: Core) -> None:
    page = core.page()
    assert (await core.call(core.command(), "forget_site", {"origin": SITE}))["result"] == {"forgotten": True}
    assert error(await core.call(page, "status")) == "not_allowed"


async def test_a_site_that_keeps_asking_and_taking_back_is_refused(core: Core) -> None:
    caller = core.page(allowed=False)
    core.person.connection = WindowClosed()
    for _ in range(3):
        assert error(await core.call(caller, "connect")) == "window_closed"
    assert error(await core.call(caller, "connect")) == "refused"
    assert len(core.person.shown) == 3


# roles


@pytest.mark.parametrize("method", [method.name for method in METHODS if "page" not in method.roles])
async def test_a_page_cannot_call_what_is_for_commands(core: Core, method: str) -> None:
    assert error(await core.call(core.page(), method)) == "unknown_method"


@pytest.mark.parametrize("method", [method.name for method in METHODS if method.name not in ("status", "diagnose")])
async def test_the_extension_itself_may_ask_only_for_the_status_and_what_is_wrong(core: Core, method: str) -> None:
    assert error(await core.call(core.extension(), method)) == "unknown_method"


def test_no_method_takes_a_pin() -> None:
    for method in METHODS:
        names = {field.lower() for field in method.parameters.__struct_fields__}
        assert not names & {"pin", "puk", "passphrase", "password"}


# requests in flight


async def in_flight(core: Core, caller: Any, count: int, first: int = 1) -> list[asyncio.Task[dict[str, Any]]]:
    """Requests for a signature whose windows stay open until they are withdrawn."""

    async def forever() -> str:
        return await asyncio.Future()

    core.person.answers += [forever] * count
    tasks = [asyncio.ensure_future(core.call(caller, "sign", DOCUMENT, first + number)) for number in range(count)]
    await asyncio.wait_for(core.person.waiting.wait(), 10)
    return tasks


async def test_a_page_takes_back_its_own_request_and_the_queue_goes_on(core: Core) -> None:
    caller = core.page()
    (waiting,) = await in_flight(core, caller, 1)
    assert (await core.call(caller, "cancel", {"id": 1}, 2))["result"] == {"cancelled": True}
    assert error(await waiting) == "cancelled"
    assert core.person.open == 0
    assert "result" in await core.call(caller, "sign", DOCUMENT, 3)


async def test_a_page_cannot_take_back_the_request_of_another(core: Core) -> None:
    caller = core.page()
    (waiting,) = await in_flight(core, caller, 1)
    assert (await core.call(core.page(), "cancel", {"id": 1}, 2))["result"] == {"cancelled": False}
    assert not waiting.done()
    core.dispatcher.closed(caller)
    assert error(await waiting) == "cancelled"


async def test_two_pages_are_asked_one_after_the_other(core: Core) -> None:
    async def think() -> str:
        await asyncio.sleep(0.05)  # long enough for another window to open beside this one, if it could
        return core.tokens.entries[0].thumbprint

    core.person.answers = [think, think]
    first, second = core.page(), core.page("https://second.example")
    answers = await asyncio.gather(core.call(first, "sign", DOCUMENT), core.call(second, "sign", DOCUMENT))
    assert ["result" in answer for answer in answers] == [True, True]
    assert core.person.most_open == 1


async def test_a_browser_that_closes_frees_the_queue(core: Core) -> None:
    caller = core.page()
    (waiting,) = await in_flight(core, caller, 1)
    other = asyncio.ensure_future(core.call(core.page("https://second.example"), "sign", DOCUMENT))
    await asyncio.sleep(0)
    core.dispatcher.closed(caller)
    assert error(await waiting) == "cancelled"
    assert "result" in await other


async def test_too_many_requests_of_one_origin_are_busy_and_others_are_served(core: Core) -> None:
    caller, again = core.page(), core.page()
    waiting = await in_flight(core, caller, MAX_PENDING)
    assert error(await core.call(again, "sign", DOCUMENT)) == "busy"
    assert "result" in await core.call(core.page("https://second.example"), "status")
    core.dispatcher.closed(caller)
    await asyncio.gather(*waiting)
    core.person.answers.clear()
    assert "result" in await core.call(again, "sign", DOCUMENT)


async def test_an_id_in_use_is_a_bad_request(core: Core) -> None:
    caller = core.page()
    (waiting,) = await in_flight(core, caller, 1)
    assert error(await core.call(caller, "status", {}, 1)) == "bad_request"
    assert not waiting.done()
    core.dispatcher.closed(caller)
    await waiting


async def test_an_agent_that_stops_tells_the_requests_in_flight(core: Core) -> None:
    caller = core.page()
    (waiting,) = await in_flight(core, caller, 1)
    core.dispatcher.stop()
    await core.dispatcher.drained(10)
    assert error(await waiting) == "stopping"
    assert error(await core.call(caller, "status")) == "stopping"
    assert [entry.facts["outcome"] for entry in core.journal.entries(10) if entry.kind == "outcome"] == ["cancelled"]


async def test_a_fault_of_ours_is_internal_and_stops_nobody(core: Core) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    core.tokens.listing = fail  # type: ignore[method-assign]
    assert error(await core.call(core.page(), "sign", DOCUMENT)) == "internal"
    assert "result" in await core.call(core.page(), "status")


async def test_no_page_writes_words_of_its_own_into_the_log(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="pero")
    for page in (core.page("https://strange.example", allowed=False), core.page()):
        await core.call(page, "x\n2026-11-01 INFO pero.app started")
    assert len(caplog.records) == 2
    assert not any("started" in record.getMessage() for record in caplog.records)


async def test_a_module_that_names_its_facts_oddly_stops_nobody_else(core: Core) -> None:
    facts: dict[str, str | int | bool | None] = {"key": "x", "language": "x", "self": "x"}
    core.tokens.faults.append(ModuleFault("/odd.so", "token_failed", facts))
    assert from_name("token_failed", facts).facts == facts
    answer = await core.call(core.page(), "sign", {"document": {"content": "AA==", "name": "one"}})
    assert "signature" in answer["result"]


async def test_only_a_command_stops_the_agent(core: Core) -> None:
    told: list[str] = []
    assert error(await core.call(core.command(), "stop")) == "not_running", "the objects of one command are no agent"
    core.services.stop = lambda: told.append("stop")
    for stranger in (core.page(), core.extension()):
        assert error(await core.call(stranger, "stop")) == "unknown_method"
    assert told == []
    assert (await core.call(core.command(), "stop"))["result"] == {"stopping": True}
    assert told == ["stop"]
