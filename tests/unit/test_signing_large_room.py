"""Large attached content that is written while it is read: once, behind room for its header (R6, R17)."""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import resource
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.api.caller import Caller
from agent.api.methods import sign_file
from agent.api.protocol import Lent
from agent.api.signature_file import write_signature
from agent.api.writing import Begun, begun
from agent.errors import FileChanged, PeroError, Refused
from agent.signing.large import nobody
from agent.transport.client import LocalClient, PinChoice
from native_host.framing import pack
from tests.harness.core import Core
from tests.harness.gost import Gost
from tests.unit.test_gost_signing import EngineCore
from tests.unit.test_signing_large import CHANGES, LARGE, append, core, large, openssl_digest, shrink, touch
from tests.unit.test_signing_procedure import judge, outcomes
from tests.unit.test_transport import Running

__all__ = ["core", "large"]  # fixtures
_opened: list[int] = []  # descriptors
HELLO: dict[str, Any] = {"role": "command", "protocol": 1}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "large.p7m"


@pytest.fixture
def room(target: Path) -> Iterator[Begun]:
    with begun(target) as room:
        assert room is not None
        yield room


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "agent"
    folder.mkdir(mode=0o700)
    running = Running(folder)
    await running.agent.start()
    yield running
    await running.agent.stop()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _opened:
        os.close(_opened.pop())


def lent(path: Path, room: Begun, flags: int = os.O_RDONLY) -> Lent:
    _opened.append(os.open(path, flags))
    return Lent(_opened[-1], room.file.fileno())


def command(core: Core, room: Begun, path: Path) -> Caller:
    caller = core.command()
    caller.lent = lent(path, room)
    return caller


async def signed(core: Core, path: Path, room: Begun, **more: Any) -> dict[str, Any]:
    return await core.call(command(core, room, path), "sign_file", {"path": str(path), "attached": True, **more})


def written(room: Begun) -> int:
    return os.fstat(room.file.fileno()).st_size


def opened_by_us(room: Begun) -> int:
    """Descriptors of this process that are the room's file."""
    seen = os.fstat(room.file.fileno())
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += os.path.samestat(link.stat(), seen)
    return found


@pytest.mark.parametrize("force", [False, True])
async def test_openssl_accepts_what_was_read_once(
    core: Core, large: Path, target: Path, room: Begun, tmp_path: Path, force: bool
) -> None:
    right = openssl_digest(large)
    if force:
        target.write_text("before")
    result = (await signed(core, large, room))["result"]
    assert written(room) == LARGE + result["around"]["content_at"]
    large.unlink()  # it is not looked at again
    await write_signature(target, dict(result), large, force, nobody, room)
    answer = {"result": {**result, "signature": base64.b64encode(target.read_bytes()).decode()}}
    assert hashlib.sha256(judge(tmp_path, answer, None)).digest() == right
    subprocess.run(["openssl", "asn1parse", "-inform", "DER", "-in", target, "-noout"], check=True)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("kind", ["gost256-A", "gost512-A"])
@pytest.mark.parametrize("named", [False, True])
async def test_a_header_of_another_length_is_found_and_the_content_read_once_more(
    tmp_path: Path, target: Path, room: Begun, kind: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a key that nobody named it is not known that it is a GOST key, whose digest's identifier is shorter."""
    monkeypatch.setattr(sign_file, "MAX_WHOLE", 1 << 20)
    (tmp_path / "gost").mkdir()
    gost = Gost(tmp_path / "gost")
    core = EngineCore(tmp_path, gost, gost.signer(kind))
    content = os.urandom(2 << 20)
    path = tmp_path / "document"
    path.write_bytes(content)
    which = {"certificate": core.tokens.entries[0].thumbprint} if named else {}
    result = (await signed(core, path, room, **which))["result"]
    foreseen = result["around"]["content_at"] == len(base64.b64decode(result["around"]["header"]))
    assert foreseen is named
    await write_signature(target, result, path, False, nobody, room)
    judged = gost.cms_verify(target.read_bytes(), gost.root(kind), None)
    assert (judged.returncode, judged.stdout) == (0, content), judged.stderr.decode()


@pytest.mark.parametrize("change", [append, shrink, touch])
async def test_content_that_has_to_be_read_once_more_is_compared(
    core: Core, large: Path, target: Path, room: Begun, change: Callable[[Path], None]
) -> None:
    result = (await signed(core, large, room))["result"]
    result["around"]["content_at"] += 1
    change(large)
    with pytest.raises(FileChanged):
        await write_signature(target, result, large, False, nobody, room)
    assert list(target.parent.iterdir()) == []


async def test_what_was_cut_off_meanwhile_is_read_once_more(
    core: Core, large: Path, target: Path, room: Begun, tmp_path: Path
) -> None:
    result = (await signed(core, large, room))["result"]
    os.ftruncate(room.file.fileno(), LARGE)
    await write_signature(target, dict(result), large, False, nobody, room)
    answer = {"result": {**result, "signature": base64.b64encode(target.read_bytes()).decode()}}
    assert hashlib.sha256(judge(tmp_path, answer, None)).digest() == openssl_digest(large)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changes_while_the_person_looks_gets_no_signature(
    core: Core, large: Path, target: Path, room: Begun, change: Callable[[Path], None]
) -> None:
    async def confirm() -> str:
        change(large)
        return core.tokens.entries[0].thumbprint

    core.person.answers = [confirm, FileChanged(path="")]
    assert (await signed(core, large, room))["error"]["message"] == "file_changed"
    assert outcomes(core) == ["file_changed"]
    assert (list(target.parent.iterdir()), opened_by_us(room)) == ([], 1)


async def test_a_person_who_refuses_leaves_nothing(core: Core, large: Path, target: Path, room: Begun) -> None:
    core.person.answers = [Refused()]
    assert (await signed(core, large, room))["error"]["message"] == "refused"
    assert (list(target.parent.iterdir()), opened_by_us(room)) == ([], 1)


async def test_a_full_disk_is_found_before_anybody_is_asked(core: Core, large: Path, target: Path, room: Begun) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, limits[1]))
    try:
        error = (await signed(core, large, room))["error"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (error["data"]["name"], error["data"]["facts"]["reason"]) == ("file_unwritable", "File too large")
    assert (core.person.shown, list(target.parent.iterdir()), opened_by_us(room)) == ([], [], 1)


async def test_a_command_that_goes_while_its_file_is_read_is_written_for_no_longer(
    core: Core, tmp_path: Path, room: Begun
) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    caller = command(core, room, huge)
    call = asyncio.create_task(core.call(caller, "sign_file", {"path": str(huge), "attached": True}))
    try:
        while written(room) < 1 << 20:
            await asyncio.sleep(0.01)
    finally:
        core.dispatcher.closed(caller)
    assert (await call)["error"]["message"] == "cancelled"
    async with asyncio.timeout(30):
        while opened_by_us(room) > 1:
            await asyncio.sleep(0.01)
    assert written(room) < 1 << 38


async def test_two_requests_at_once_do_not_write_into_each_others_file(
    core: Core, large: Path, target: Path, room: Begun, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(LARGE))
    caller = command(core, room, large)
    first, second = await asyncio.gather(
        *(core.call(caller, "sign_file", {"path": str(path), "attached": True}, path.name) for path in (large, other))
    )
    assert [one["result"]["around"].get("content_at") is None for one in (first, second)].count(True) == 1
    path, kept = (large, first) if first["result"]["around"].get("content_at") is not None else (other, second)
    right = openssl_digest(path)
    path.unlink()
    await write_signature(target, dict(kept["result"]), path, False, nobody, room)
    answer = {"result": {**kept["result"], "signature": base64.b64encode(target.read_bytes()).decode()}}
    assert hashlib.sha256(judge(tmp_path, answer, None)).digest() == right


def named_file(folder: Path) -> int:
    return os.open(folder / "named", os.O_CREAT | os.O_RDWR)


def filled(folder: Path) -> int:
    descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    os.write(descriptor, b"x")
    return descriptor


def device(_folder: Path) -> int:
    return os.open("/dev/null", os.O_WRONLY)


@pytest.mark.parametrize("make", [named_file, filled, device])
async def test_nothing_but_an_empty_file_without_a_name_is_written_to(
    core: Core, large: Path, tmp_path: Path, make: Callable[[Path], int]
) -> None:
    descriptor = make(tmp_path)
    document = large.open("rb")
    try:
        size = os.fstat(descriptor).st_size
        caller = core.command()
        caller.lent = Lent(document.fileno(), descriptor)
        answer = await core.call(caller, "sign_file", {"path": str(large), "attached": True})
        assert answer["error"]["message"] == "bad_parameters"
        assert (os.fstat(descriptor).st_size, core.person.shown) == (size, [])
    finally:
        document.close()
        os.close(descriptor)


@pytest.mark.parametrize("flags", [os.O_PATH, os.O_WRONLY])
async def test_who_does_not_read_the_document_gets_nothing_of_it(
    core: Core, large: Path, room: Begun, flags: int
) -> None:
    caller = core.command()
    caller.lent = lent(large, room, flags)
    answer = await core.call(caller, "sign_file", {"path": str(large), "attached": True})
    assert answer["error"]["message"] == "bad_parameters"
    assert (written(room), core.person.shown) == (0, [])


async def test_another_document_than_the_one_that_was_lent_is_not_written(
    core: Core, large: Path, target: Path, room: Begun, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(LARGE))
    result = (await core.call(command(core, room, other), "sign_file", {"path": str(large), "attached": True}))[
        "result"
    ]
    assert (written(room), result["around"].get("content_at")) == (0, None)
    await write_signature(target, dict(result), large, False, nobody, room)
    answer = {"result": {**result, "signature": base64.b64encode(target.read_bytes()).decode()}}
    assert hashlib.sha256(judge(tmp_path, answer, None)).digest() == openssl_digest(large)


# the way over the local socket


async def test_a_room_travels_with_the_hello_of_a_command(running: Running, large: Path, room: Begun) -> None:
    client = await LocalClient.connect(running.places.socket, PinChoice("window"), lent=lent(large, room))
    with pytest.raises(PeroError, match="no_certificate"):  # there is no token; but it was read by then
        await client.call("sign_file", {"path": str(large), "attached": True})
    client.close()
    assert written(room) > LARGE
    async with asyncio.timeout(30):
        while opened_by_us(room) > 1:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("hello", "count", "told"),
    [
        ({**HELLO, "room": True}, 0, "bad_request"),
        ({**HELLO, "room": True}, 1, "bad_request"),
        ({**HELLO, "room": False}, 2, "bad_request"),
        ({**HELLO, "role": "native_host", "room": True}, 2, "bad_request"),
        ({**HELLO, "pin": "terminal", "room": True}, 2, "bad_request"),  # who gives the PIN, or the room?
        ({**HELLO, "pin": "terminal", "room": True}, 4, None),
    ],
)
async def test_descriptors_that_do_not_fit_the_hello_are_refused_and_closed(
    running: Running, room: Begun, hello: dict[str, Any], count: int, told: str | None
) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(running.places.socket))
        rights = array.array("i", [room.file.fileno()] * count)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if count else []
        peer.sendmsg([pack(json.dumps({"hello": hello}).encode())], ancillary)
        reader, writer = await asyncio.open_connection(sock=peer)
        async with asyncio.timeout(30):
            try:
                said = await reader.read()
            except ConnectionResetError:  # closed before all of the hello was read
                said = b""
            while opened_by_us(room) > 1:
                await asyncio.sleep(0.01)
        writer.close()
    assert (json.loads(said[4:])["error"]["message"] if said else None) == told
