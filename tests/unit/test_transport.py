"""Who reaches the agent, and what happens to peers that lie, break off or send rubbish (R46)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.app import Agent, Composition
from agent.config import Locations, secure_folder
from agent.errors import BadRequest, MessageTooLarge, PeroError, StateUnsafe
from agent.policy import Policy
from agent.transport.client import LocalClient, PinChoice
from agent.transport.envelopes import CHUNK, Unwrapper, wrapped
from agent.transport.peers import loopback_user
from native_host.framing import MAX_FRAME, FrameBuffer, pack
from native_host.manifests import CHROMIUM_EXTENSION
from tests.harness import foreign
from tests.harness.core import SITE, ScriptedPerson


class Running:
    def __init__(self, folder: Path) -> None:
        self.person = ScriptedPerson()
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.places = Locations(state=folder, runtime=runtime)
        self.composition = Composition({}, self.places, prompter=self.person, policy=Policy())  # type: ignore[arg-type]
        self.agent = Agent(self.composition, ports=(0,))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.composition.port}/v1"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    await running.agent.start()
    yield running
    await running.agent.stop()


async def handshake(running: Running, **headers: str) -> int:
    """The HTTP status of a WebSocket handshake; 101 where it is accepted."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(running.url, headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


# loopback


async def test_a_page_reaches_the_agent_over_ipv4_and_ipv6(running: Running) -> None:
    for address in ("127.0.0.1", "[::1]"):
        url = f"ws://{address}:{running.composition.port}/v1"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers={"Origin": SITE}) as page:
            await page.send_str('{"jsonrpc": "2.0", "id": 1, "method": "connect"}')
            assert (await page.receive_json())["result"] == {"allowed": True, "remembered": True}


async def test_an_unknown_origin_learns_nothing_over_loopback(running: Running) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(running.url, headers={"Origin": SITE}) as page:
        await page.send_str('{"jsonrpc": "2.0", "id": 1, "method": "status"}')
        answer = await page.receive_str()
    assert json.loads(answer)["error"]["message"] == "not_allowed"
    assert "0.1.0" not in answer


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:14741"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://site.example"},
        {"Origin": f"chrome-extension://{CHROMIUM_EXTENSION}"},
        {"Origin": "moz-extension://8a0f9c2e"},
        {"Origin": ""},
    ],
)
async def test_a_foreign_host_or_an_origin_that_may_not_ask_is_refused(
    running: Running, headers: dict[str, str]
) -> None:
    assert await handshake(running, **{"Origin": SITE, **headers}) in (403, 404)


async def test_no_origin_is_no_trust(running: Running) -> None:
    assert await handshake(running) == 404


@pytest.mark.parametrize("path", ["/", "/v2", "/v1/../x", "/status"])
async def test_there_is_nothing_else_to_be_found_on_the_port(running: Running, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{running.composition.port}{path}"
        async with session.get(url, headers={"Origin": SITE}) as answer:
            assert answer.status == 404
            assert await answer.text() == ""


async def test_rubbish_from_a_page_is_answered_or_closed_and_others_are_served(running: Running) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(running.url, headers={"Origin": SITE}) as page:
        await page.send_str("{" * 1000)
        assert (await page.receive_json())["error"]["message"] == "bad_request"
        await page.send_bytes(b"\0\1\2")
        assert (await page.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    with socket.create_connection(("127.0.0.1", running.composition.port or 0)) as connection:
        connection.sendall(b"\x16\x03\x01garbage\r\n\r\n")
    assert await handshake(running, Origin=SITE) == 101


async def test_a_peer_of_another_user_is_closed_without_a_byte(running: Running) -> None:
    request = f"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{running.composition.port}\r\nOrigin: {SITE}\r\n\r\n".encode()
    heard = await asyncio.to_thread(foreign.talk, "tcp", str(running.composition.port), request)
    assert heard in ("0", "ConnectionResetError", "BrokenPipeError")


def test_the_user_of_a_loopback_peer_is_found() -> None:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listener:
            listener.bind((address, 0))
            listener.listen()
            with socket.create_connection(listener.getsockname()[:2]) as peer:
                ours, _ = listener.accept()
                with ours:
                    assert loopback_user(ours.getpeername()[:2], ours.getsockname()[:2]) == os.getuid()
                    assert loopback_user(("127.0.0.1", 1), ours.getsockname()[:2]) is None
                assert peer


# local socket


@asynccontextmanager
async def connected(running: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(running.places.socket))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def frame(reader: asyncio.StreamReader) -> dict[str, Any]:
    header = await asyncio.wait_for(reader.readexactly(4), 10)
    value: dict[str, Any] = json.loads(await reader.readexactly(struct.unpack("=I", header)[0]))
    return value


def hello(**fields: Any) -> bytes:
    return pack(json.dumps({"hello": {"protocol": 1, **fields}}).encode())


BROWSER = hello(role="native_host", arguments=[f"chrome-extension://{CHROMIUM_EXTENSION}/"])


def envelope(method: str, page: str = "p1", origin: str = SITE, identifier: Any = 1, **more: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": identifier, "method": method}
    return pack(json.dumps({"page": page, "origin": origin, "message": message, **more}).encode())


async def test_the_socket_is_ours_alone(running: Running) -> None:
    assert stat.S_IMODE(running.places.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.places.runtime.stat().st_mode) == 0o700
    assert len(running.places.socket.name) < 30  # of the 107 that a socket's path may have


async def test_another_user_hears_nothing_on_the_local_socket(running: Running, tmp_path: Path) -> None:
    ours = [folder for folder in tmp_path.parents if folder.name.startswith(("pytest-", "popen-"))]
    for folder in (running.places.runtime, tmp_path, *ours):
        folder.chmod(0o755)
    running.places.socket.chmod(0o666)
    heard = await asyncio.to_thread(foreign.talk, "unix", str(running.places.socket), BROWSER)
    assert heard in ("0", "ConnectionResetError", "BrokenPipeError")


async def test_the_origin_of_the_envelope_counts_and_each_page_is_its_own(running: Running) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER + envelope("connect") + envelope("status", page="p2", origin="https://evil.example"))
        assert (await frame(reader))["hello"] == {"protocol": 1, "version": "0.1.0"}
        answers = {answer["page"]: answer["message"] for answer in (await frame(reader), await frame(reader))}
        assert answers["p1"]["result"]["allowed"] is True
        assert answers["p2"]["error"]["message"] == "not_allowed"


async def test_a_page_cannot_change_its_origin(running: Running) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER + envelope("connect"))
        await frame(reader)
        await frame(reader)
        writer.write(envelope("status", origin="https://evil.example", identifier=2))
        assert (await frame(reader))["message"]["error"]["message"] == "bad_request"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"top_frame": False}, "frame_refused"),
        ({"origin": "null"}, "origin_refused"),
        ({"origin": ""}, "origin_refused"),
    ],
)
async def test_frames_and_opaque_origins_are_refused(running: Running, fields: dict[str, Any], name: str) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER + envelope("connect", **fields))
        await frame(reader)
        assert (await frame(reader))["message"]["error"]["message"] == name
        assert running.person.shown == []


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (pack(b"rubbish"), "bad_request"),
        (pack(b'{"jsonrpc": "2.0", "id": 1, "method": "status"}'), "bad_request"),
        (hello(role="page"), "bad_request"),
        (hello(role="command", pin="terminal"), "bad_request"),
        (pack(b'{"hello": {"role": "command", "protocol": 2}}'), "bad_request"),
        (hello(role="native_host", arguments=["chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh/"]), "not_allowed"),
        (hello(role="native_host"), "not_allowed"),
    ],
)
async def test_a_wrong_hello_is_answered_and_closed(running: Running, first: bytes, name: str) -> None:
    async with connected(running) as (reader, writer):
        writer.write(first)
        assert (await frame(reader))["error"]["message"] == name
        assert await asyncio.wait_for(reader.read(), 10) == b""


@pytest.mark.parametrize(
    "rubbish", [b"", b"\1", b"\xff\xff\xff\xff", struct.pack("=I", MAX_FRAME + 1), struct.pack("=I", 100) + b"half"]
)
async def test_half_frames_and_too_long_ones_close_the_connection_only(running: Running, rubbish: bytes) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER)
        await frame(reader)
        writer.write(rubbish)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b""
    client = await LocalClient.connect(running.places.socket, PinChoice("window"))
    assert (await client.call("status", {}))["version"] == "0.1.0"
    client.close()


@pytest.mark.parametrize(
    "rubbish", [b"x", b"[]", b"{}", b'{"page": "", "message": {}}', b'{"chunk": {"id": 1}}', b"\xff"]
)
async def test_rubbish_in_an_envelope_is_a_bad_request_and_the_connection_goes_on(
    running: Running, rubbish: bytes
) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER)
        await frame(reader)
        writer.write(pack(rubbish) + envelope("connect"))
        names = [await frame(reader), await frame(reader)]
        assert names[0]["message"]["error"]["message"] == "bad_request"
        assert names[1]["message"]["result"]["allowed"] is True


async def test_an_extension_asks_for_itself_without_a_page(running: Running) -> None:
    async with connected(running) as (reader, writer):
        writer.write(BROWSER + pack(b'{"message": {"jsonrpc": "2.0", "id": 1, "method": "status"}}'))
        await frame(reader)
        assert (await frame(reader))["message"]["result"] == {"version": "0.1.0", "protocol": 1}


async def test_an_agent_that_stops_tells_a_command_in_flight(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    await running.agent.start()
    client = await LocalClient.connect(running.places.socket, PinChoice("window"))
    asked = asyncio.Event()

    async def hang() -> Any:
        asked.set()
        return await asyncio.Future()

    running.composition.tokens.listing = hang  # type: ignore[method-assign]
    call = asyncio.ensure_future(client.call("token_list", {}))
    await asyncio.wait_for(asked.wait(), 10)
    await running.agent.stop()
    with pytest.raises(PeroError) as raised:
        await call
    assert raised.value.name == "stopping"
    client.close()
    assert not running.places.socket.exists()


# envelopes and folders


def test_a_long_message_comes_back_whole_out_of_its_chunks() -> None:
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "ж" * CHUNK}).encode()
    frames = list(wrapped(message, "p1", "c1"))
    assert len(frames) > 2
    assert all(len(payload) <= MAX_FRAME for payload in frames)
    unwrapper = Unwrapper()
    envelopes = [unwrapper.envelope(payload) for payload in frames]
    assert envelopes[:-1] == [None] * (len(frames) - 1)
    last = envelopes[-1]
    assert last is not None
    assert json.loads(bytes(last.message)) == json.loads(message)


@pytest.mark.parametrize("order", [[1], [0, 2], [0, 1, 1]])
def test_chunks_out_of_order_are_a_bad_request(order: list[int]) -> None:
    frames = list(wrapped(json.dumps("x" * 3 * CHUNK).encode(), "p1", "c1"))
    unwrapper = Unwrapper()
    *before, last = order
    for index in before:
        if index <= 1 and before.count(index) == 1:
            assert unwrapper.envelope(frames[index]) is None
    with pytest.raises(BadRequest):
        unwrapper.envelope(frames[last])


def test_chunks_without_end_are_too_large() -> None:
    unwrapper = Unwrapper()
    data = "A" * (4 << 20)

    def feed() -> None:
        for index in range(100):
            unwrapper.envelope(json.dumps({"chunk": {"id": "c", "index": index, "last": False, "data": data}}).encode())

    with pytest.raises(MessageTooLarge):
        feed()


def test_frames_come_out_of_pieces_of_any_size() -> None:
    stream = pack(b"one") + pack(b"") + pack(b"three")
    for size in (1, 2, 5, len(stream)):
        buffer = FrameBuffer()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [payload for piece in pieces for payload in buffer.feed(piece)] == [b"one", b"", b"three"]


def test_a_folder_that_is_open_foreign_or_a_link_is_not_used(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    secure_folder(ours)
    secure_folder(ours)
    ours.chmod(0o750)
    with pytest.raises(StateUnsafe):
        secure_folder(ours)
    ours.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to(ours)
    with pytest.raises(StateUnsafe):
        secure_folder(link)
    os.chown(ours, foreign.NOBODY, -1)
    with pytest.raises(StateUnsafe):
        secure_folder(ours)
    os.chown(ours, os.getuid(), -1)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StateUnsafe):
        secure_folder(file)


async def test_an_agent_whose_socket_cannot_be_removed_ends_all_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    running = Running(tmp_path)
    await running.agent.start()
    client = await LocalClient.connect(running.places.socket, PinChoice("window"))
    running.places.socket.unlink()
    running.places.socket.mkdir()
    await asyncio.wait_for(running.agent.stop(), 60)
    with pytest.raises(PeroError):
        await asyncio.wait_for(client.call("status", {}), 60)
    client.close()
