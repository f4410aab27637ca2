"""Large documents over HTTP on the loopback port: one ticket, one origin, one request (R6, R46)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.api import uploads
from agent.app import Agent, Composition
from agent.config import Locations
from agent.policy import Policy
from agent.transport import upload as http
from tests.harness import foreign
from tests.harness.core import NOON, SITE, MemoryTokens, ScriptedPerson
from tests.unit.test_signing_procedure import judge

CONTENT = os.urandom(5_000_000)
OTHER = "https://other.example"


class Running:
    """An agent with memory tokens, and a page connected to it."""

    def __init__(self, folder: Path) -> None:
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        places = Locations(state=folder, runtime=runtime)
        self.tokens = MemoryTokens()
        self.person = ScriptedPerson()
        self.composition = Composition({}, places, prompter=self.person, policy=Policy(), now=lambda: NOON)  # type: ignore[arg-type]
        self.composition.tokens.listing = self.tokens.listing  # type: ignore[method-assign]
        self.composition.tokens.sign = self.tokens.sign  # type: ignore[method-assign]
        self.agent = Agent(self.composition, ports=(0,))

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.composition.port}"


class Page:
    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, root: str) -> None:
        self.session, self.socket, self.root = session, socket, root

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        await self.socket.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        answer: dict[str, Any] = await self.socket.receive_json()
        return answer

    async def begin(self, size: int = len(CONTENT)) -> str:
        return str((await self.call("upload_begin", name="a.bin", size=size))["result"]["upload"])

    async def ticket(self, upload: str, to: str = "upload") -> str:
        return self.root + str((await self.call("upload_ticket", upload=upload, to=to))["result"]["path"])

    async def send(
        self, method: str, url: str, body: Any = None, origin: str = SITE, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        given = {"Origin": origin, **headers}
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.request(method, url, data=data, headers=given) as answer:
            return answer.status, await answer.read(), dict(answer.headers)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    running.tokens.add("DEMO Signer")
    await running.agent.start()
    yield running
    await running.agent.stop()


@pytest.fixture
async def page(running: Running) -> AsyncIterator[Page]:
    address = running.root + "/v1"
    async with aiohttp.ClientSession() as session, session.ws_connect(address, origin=SITE, max_msg_size=0) as socket:
        page = Page(session, socket, running.root)
        await page.call("connect")
        yield page


async def test_a_document_goes_in_one_request_and_its_signature_comes_back_in_one(page: Page, tmp_path: Path) -> None:
    upload = await page.begin()
    status, body, headers = await page.send("POST", await page.ticket(upload), CONTENT)
    assert (status, body) == (200, b'{"received": 5000000}')
    assert headers["Access-Control-Allow-Origin"] == SITE
    answer = await page.call("sign", upload=upload, attached=True)
    status, whole, headers = await page.send("GET", await page.ticket(upload, "download"))
    assert (status, len(whole)) == (200, answer["result"]["size"])
    assert headers["Access-Control-Allow-Origin"] == SITE
    assert headers["Cache-Control"] == "no-store"
    answer["result"]["signature"] = base64.b64encode(whole).decode()
    assert judge(tmp_path, answer, None) == CONTENT


@pytest.mark.parametrize("size", [0, 1])
async def test_the_smallest_documents_go_too(page: Page, size: int) -> None:
    upload = await page.begin(size)
    assert (await page.send("POST", await page.ticket(upload), CONTENT[:size]))[0] == 200
    assert "result" in await page.call("upload_end", upload=upload)


async def test_the_browsers_preflight_is_answered_for_that_origin_alone(page: Page) -> None:
    url = await page.ticket(await page.begin())
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    status, _, headers = await page.send("OPTIONS", url, **asked)
    assert status == 204
    assert (headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Methods"]) == (SITE, "POST")
    status, body, headers = await page.send("OPTIONS", url, origin=OTHER, **asked)
    assert (status, body) == (404, b"")
    assert not any(name.startswith("Access-Control") for name in headers)
    assert (await page.send("POST", url, CONTENT))[0] == 200  # a preflight does not use the ticket up


NOTHING = [
    ("POST", "/v1/upload", SITE),
    ("GET", "/v1/upload", SITE),
    ("OPTIONS", "/v1/upload", SITE),
    ("GET", "/v1/download?ticket=", SITE),
    ("POST", "/v1/upload?ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SITE),
    ("POST", "/v1/upload?ticket=%00", "null"),
]


@pytest.mark.parametrize(("method", "path", "origin"), NOTHING)
async def test_without_a_ticket_there_is_nothing(page: Page, method: str, path: str, origin: str) -> None:
    status, body, headers = await page.send(method, page.root + path, b"x", origin)
    assert (status, body) == (404, b"")
    assert not any(name.startswith("Access-Control") for name in headers)


async def test_a_ticket_is_good_once_for_one_way_and_one_origin(page: Page) -> None:
    upload = await page.begin()
    url = await page.ticket(upload)
    assert (await page.send("POST", url, CONTENT, origin=OTHER))[0] == 404
    assert (await page.send("GET", url))[0] == 404
    assert (await page.send("GET", url.replace("/upload", "/download")))[0] == 404
    assert (await page.send("POST", url, CONTENT, Host="evil.example"))[0] == 403
    assert (await page.send("POST", url, CONTENT))[0] == 200
    assert (await page.send("POST", url, CONTENT))[0] == 404


async def test_no_origin_is_no_trust(page: Page) -> None:
    url = await page.ticket(await page.begin())
    async with page.session.post(url, data=io.BytesIO(CONTENT)) as answer:
        assert answer.status == 404


async def test_a_ticket_does_not_wait_for_long(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "TICKET_SECONDS", -1.0)
    url = await page.ticket(await page.begin())
    assert (await page.send("POST", url, CONTENT))[0] == 404


async def test_a_ticket_ends_with_its_page(running: Running, page: Page) -> None:
    url = await page.ticket(await page.begin())
    await page.socket.close()
    while running.composition.services.uploads._open:
        await asyncio.sleep(0.01)
    assert (await page.send("POST", url, CONTENT))[0] == 404


@pytest.mark.parametrize("body", [CONTENT[:-1], CONTENT + b"x", b""])
async def test_a_body_of_another_size_than_was_said_is_refused_and_the_upload_is_gone(page: Page, body: bytes) -> None:
    upload = await page.begin()
    status, answer, _ = await page.send("POST", await page.ticket(upload), body)
    assert (status, answer) == (413, b'{"error": "document_too_large"}')
    assert (await page.call("upload_end", upload=upload))["error"]["message"] == "upload_unknown"


async def test_a_body_without_a_length_is_refused(page: Page) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    url = await page.ticket(await page.begin())
    status = 0
    with contextlib.suppress(aiohttp.ClientError):  # the connection may be closed while it is being sent
        status, _, _ = await page.send("POST", url, endless())
    assert status in (0, 413)


@pytest.mark.parametrize("idle", [True, False])
async def test_an_upload_that_breaks_off_is_dropped(
    running: Running, page: Page, idle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if idle:
        monkeypatch.setattr(http, "IDLE_SECONDS", 0.2)
    upload = await page.begin()
    url = await page.ticket(upload)
    path = url.removeprefix(page.root)
    _, writer = await asyncio.open_connection("127.0.0.1", running.composition.port)
    host = page.root.removeprefix("http://")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {SITE}\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    writer.write(head.encode() + CONTENT[:3_000_000])
    await writer.drain()
    if not idle:
        writer.close()
    async with asyncio.timeout(20):
        while "result" in await page.call("upload_ticket", upload=upload):
            await asyncio.sleep(0.02)
    writer.close()


async def test_a_page_that_came_by_the_extension_is_told_no_address(running: Running) -> None:
    from agent.api.caller import Caller, Role

    services = running.composition.services
    services.origins.allow(SITE, services.now())
    caller = Caller(Role.PAGE, SITE, "native_messaging", running.composition.prompter)
    upload = services.uploads.begin(caller, "a", "", 1, ())
    message = f'{{"jsonrpc":"2.0","id":1,"method":"upload_ticket","params":{{"upload":"{upload.identifier}"}}}}'
    assert b"bad_parameters" in await running.composition.dispatcher.handle(caller, message)


async def test_another_user_of_the_machine_hears_nothing(running: Running, page: Page) -> None:
    path = (await page.ticket(await page.begin())).removeprefix(page.root)
    host = page.root.removeprefix("http://")
    request = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {SITE}\r\nContent-Length: 1\r\n\r\nx".encode()
    heard = await asyncio.to_thread(foreign.talk, "tcp", str(running.composition.port), request)
    assert heard in ("0", "ConnectionResetError", "BrokenPipeError")
