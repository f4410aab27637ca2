"""Which way the page library takes: the extension; loopback only where the site asked for it, and never in silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.end_to_end.conftest import World
from tests.harness.browsers import Page

NOBODY = 9  # the discard port: refused here

# The library's fixed ports, led to others: a real agent may be running on this machine.
REROUTED = """
  window.tried = [];
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(address) { tried.push(address); super(address.replace(/:(\\d+)/, (_, port) => ":" + (%s)[port])); }
  };
"""


@pytest.fixture(scope="module")
def loopback() -> Iterator[tuple[int, list[Any]]]:
    """A WebSocket that answers status, as an agent would; its port, and what it was asked."""
    asked: list[Any] = []

    def converse(connection: ServerConnection) -> None:
        for text in connection:
            message = json.loads(text)
            asked.append((connection.request.path if connection.request else "", message["method"]))
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"version": "9.9.9", "protocol": 1}}
            connection.send(json.dumps(answer))

    with serve(converse, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1], asked


@pytest.fixture
def bare(world: World) -> Iterator[Page]:
    """A page where the extension is not (http, another machine's name)."""
    page = world.open(host="site.test")
    yield page
    page.close()


def reroute(page: Page, first: int, second: int, third: int) -> None:
    page.evaluate(REROUTED % json.dumps({"14741": first, "24741": second, "29741": third}))


def test_without_the_extension_and_without_being_told_to_nothing_is_opened(bare: Page) -> None:
    reroute(bare, NOBODY, NOBODY, NOBODY)
    fields = bare.failure('await pero.sign({ name: "a", content: "secret" })')
    assert (fields["code"], fields["number"], fields["actor"]) == ("not_installed", 5001, "person")
    assert fields["advice"]
    assert bare.evaluate("return tried") == []


def test_a_site_that_asks_for_loopback_gets_the_first_port_that_answers(
    bare: Page, loopback: tuple[int, list[Any]]
) -> None:
    port, asked = loopback
    reroute(bare, NOBODY, port, port)
    bare.evaluate('pero.configure({ transports: ["extension", "loopback"] })')
    status = bare.evaluate("return await pero.status()")
    assert status == {"state": "ready", "transport": "loopback", "version": "9.9.9", "protocol": 1}
    assert bare.evaluate("return tried") == ["ws://127.0.0.1:14741/v1", "ws://127.0.0.1:24741/v1"]
    assert asked[-1] == ("/v1", "status")


def test_loopback_where_nobody_listens_is_unreachable(bare: Page) -> None:
    reroute(bare, NOBODY, NOBODY, NOBODY)
    bare.evaluate('pero.configure({ transports: ["loopback"] })')
    assert bare.failure("await pero.connect()")["code"] == "unreachable"
    assert len(bare.evaluate("return tried")) == 3


def test_an_error_of_the_extension_never_leads_to_loopback(world: World, loopback: tuple[int, list[Any]]) -> None:
    page = world.open()
    reroute(page, loopback[0], loopback[0], loopback[0])
    page.evaluate('pero.configure({ transports: ["extension", "loopback"] })')
    world.agent.stop()
    try:
        assert page.failure('await pero.sign({ name: "a", content: "secret" })')["code"] == "not_running"
    finally:
        world.agent.start()
    assert page.evaluate("return tried") == []
    page.close()


@pytest.mark.parametrize(
    "call",
    [
        'pero.configure({ transports: ["carrier pigeon"] })',
        'await pero.sign({ name: "a", content: 7 })',
        'await pero.sign({ name: "a", algorithm: "sha256", value: "text" })',
    ],
)
def test_arguments_of_the_wrong_shape_are_type_errors(bare: Page, call: str) -> None:
    assert bare.failure(call)["name"] == "TypeError"


def test_the_default_export_is_the_whole_library(bare: Page) -> None:
    names = bare.evaluate("return [Object.keys(pero).sort(), Object.keys(pero.default).sort()]")
    assert names[0] == sorted([*names[1], "default"])


def test_the_popup_tells_whether_pero_runs(world: World) -> None:
    page = world.browser.open(world.browser.extension_url("popup/popup.html"))
    text = "while (!/\\d/.test(document.body.innerText)) await new Promise((resolve) => setTimeout(resolve, 10));"
    assert "0.0.1" in page.evaluate(text + "return document.querySelector('#state').textContent")
    page.close()
    world.agent.stop()
    try:
        page = world.browser.open(world.browser.extension_url("popup/popup.html"))
        wait = "while (!document.querySelector('#advice').textContent) await new Promise((r) => setTimeout(r, 10));"
        assert "pero run" in page.evaluate(wait + "return document.querySelector('#advice').textContent")
        page.close()
    finally:
        world.agent.start()
