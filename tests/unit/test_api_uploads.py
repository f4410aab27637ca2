"""Large documents that pages hand over in pieces: order, limits, whose they are, and that nothing stays (R6, R46)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.api import uploads
from agent.api.caller import Caller
from agent.api.contents import MAX_WHOLE
from agent.api.methods.upload_chunk import MAX_CHUNK
from agent.api.uploads import MAX_OF_ORIGIN, MAX_OF_PAGE, Uploads
from agent.consent.prompter import SigningPrompt
from agent.errors import PinIncorrect, Refused
from agent.signing.large_spool import Spool
from tests.harness.core import Core
from tests.unit.test_signing_procedure import judge

CONTENT = "Договор\n".encode() * 40_000
PIECE = 100_000


class Page:
    """One page that hands something over."""

    def __init__(self, core: Core, caller: Caller) -> None:
        self.core, self.caller = core, caller

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self.core.call(self.caller, method, parameters)

    async def begin(self, size: int = len(CONTENT), **more: Any) -> str:
        answer = await self.call("upload_begin", name="договор.txt", size=size, **more)
        return str(answer["result"]["upload"])

    async def chunk(self, upload: str, offset: int, piece: bytes, identifier: int = 1) -> dict[str, Any]:
        parameters = {"upload": upload, "offset": offset, "data": base64.b64encode(piece).decode()}
        return await self.core.call(self.caller, "upload_chunk", parameters, identifier)

    async def hand_over(self, content: bytes = CONTENT, **more: Any) -> str:
        upload = await self.begin(len(content), **more)
        for offset in range(0, len(content), PIECE):
            answer = await self.chunk(upload, offset, content[offset : offset + PIECE])
            assert "result" in answer, answer
        return upload

    async def download(self, signed: dict[str, Any], length: int = PIECE) -> bytes:
        whole = b""
        while True:
            answer = await self.call("download_chunk", download=signed["download"], offset=len(whole), length=length)
            whole += base64.b64decode(answer["result"]["data"])
            if answer["result"]["last"]:
                return whole


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer")
    yield core
    core.services.uploads.close()


@pytest.fixture
def page(core: Core) -> Page:
    return Page(core, core.page())


def error(answer: dict[str, Any]) -> str:
    return str(answer["error"]["message"])


def spools(core: Core) -> list[int]:
    """Descriptors of this process for files below the folder of uploads; they have no names."""
    found = []
    for link in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # of the listing itself
            if str(link.readlink()).startswith(f"{core.places.uploads}/"):
                found.append(int(link.name))
    return found


# the good way


@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
@pytest.mark.parametrize("attached", [False, True])
async def test_openssl_accepts_what_was_handed_over(
    core: Core, page: Page, tmp_path: Path, content: bytes, attached: bool
) -> None:
    upload = await page.hand_over(content)
    ended = (await page.call("upload_end", upload=upload))["result"]
    assert ended == {"size": len(content), "digest_algorithm": "sha256", "digest": hashlib.sha256(content).hexdigest()}
    answer = await page.call("sign", upload=upload, attached=attached)
    if attached:
        whole = await page.download(answer["result"])
        assert len(whole) == answer["result"]["size"]
        answer["result"]["signature"] = base64.b64encode(whole).decode()
    assert judge(tmp_path, answer, None if attached else content) == content
    assert answer["result"]["detached"] is not attached


@pytest.mark.parametrize("length", [1, 7, 50_000])
async def test_a_download_is_the_same_in_pieces_of_any_size(page: Page, length: int) -> None:
    content = CONTENT[: 40 * length]
    upload = await page.hand_over(content)
    signed = (await page.call("sign", upload=upload, attached=True))["result"]
    whole = await page.download(signed, length)
    assert len(whole) == signed["size"]
    assert content in whole


async def test_the_window_shows_name_size_digest_and_beginning(core: Core, page: Page) -> None:
    await page.call("sign", upload=await page.hand_over(media_type="text/plain"))
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    shown = prompt.document
    assert (shown.name, shown.size, shown.media_type) == ("договор.txt", len(CONTENT), "text/plain")
    assert (shown.digest_only, shown.preview_cut) == (False, True)
    assert shown.digest == hashlib.sha256(CONTENT).hexdigest()
    assert (shown.preview or "").startswith("Договор\nДоговор\n")


@pytest.mark.parametrize("algorithm", ["sha512", "sha384"])
async def test_another_digest_is_made_while_it_arrives_or_afterwards(
    page: Page, tmp_path: Path, algorithm: str
) -> None:
    for begun in ({"digest_algorithm": algorithm}, {}):
        upload = await page.hand_over(**begun)
        answer = await page.call("sign", upload=upload, digest_algorithm=algorithm)
        judge(tmp_path, answer, CONTENT)


async def test_an_upload_outlives_a_refusal_and_a_wrong_pin(core: Core, page: Page, tmp_path: Path) -> None:
    upload = await page.hand_over()
    core.person.answers = [Refused()]
    assert error(await page.call("sign", upload=upload)) == "refused"
    core.tokens.fail = [PinIncorrect(tries_left=2)]
    judge(tmp_path, await page.call("sign", upload=upload), CONTENT)


async def test_pieces_may_be_on_their_way_together(page: Page, tmp_path: Path) -> None:
    upload = await page.begin()
    offsets = range(0, len(CONTENT), PIECE)
    pieces = [page.chunk(upload, at, CONTENT[at : at + PIECE], number) for number, at in enumerate(offsets)]
    answers = await asyncio.gather(*pieces)
    assert answers[-1]["result"] == {"received": len(CONTENT)}
    judge(tmp_path, await page.call("sign", upload=upload), CONTENT)


async def test_a_text_of_a_signature_holds_the_document_whole(page: Page, tmp_path: Path) -> None:
    upload = await page.hand_over()
    answer = await page.call("sign", upload=upload, attached=True, options={"encoding": "base64"})
    assert judge(tmp_path, answer, None) == CONTENT


# bad days


@pytest.mark.parametrize("offset", [0, PIECE - 1, PIECE + 1, 1 << 50])
async def test_a_piece_out_of_turn_is_refused_and_the_next_one_is_taken(
    page: Page, tmp_path: Path, offset: int
) -> None:
    upload = await page.begin()
    await page.chunk(upload, 0, CONTENT[:PIECE])
    assert error(await page.chunk(upload, offset, CONTENT[:PIECE])) == "bad_parameters"
    for at in range(PIECE, len(CONTENT), PIECE):
        assert "result" in await page.chunk(upload, at, CONTENT[at : at + PIECE])
    judge(tmp_path, await page.call("sign", upload=upload), CONTENT)


async def test_more_than_was_said_is_refused(page: Page) -> None:
    upload = await page.begin(10)
    assert error(await page.chunk(upload, 0, b"x" * 11)) == "bad_parameters"
    assert "result" in await page.chunk(upload, 0, b"x" * 10)
    assert error(await page.chunk(upload, 10, b"x")) == "bad_parameters"


async def test_too_large_a_piece_and_one_that_is_no_base64_are_refused(page: Page) -> None:
    upload = await page.begin(MAX_CHUNK * 2)
    assert error(await page.chunk(upload, 0, bytes(MAX_CHUNK + 3))) == "bad_parameters"
    assert error(await page.call("upload_chunk", upload=upload, offset=0, data="?")) == "bad_parameters"


async def test_what_did_not_come_whole_cannot_be_signed(core: Core, page: Page) -> None:
    upload = await page.begin()
    await page.chunk(upload, 0, CONTENT[:PIECE])
    for answer in (await page.call("upload_end", upload=upload), await page.call("sign", upload=upload)):
        assert error(answer) == "bad_parameters"
    assert core.person.shown == []


async def test_another_page_cannot_use_it_not_even_one_of_the_same_site(core: Core, page: Page) -> None:
    upload = await page.hand_over()
    signed = (await page.call("sign", upload=upload, attached=True))["result"]
    for other in (Page(core, core.page()), Page(core, core.page("https://other.example"))):
        assert error(await other.call("sign", upload=upload)) == "upload_unknown"
        assert error(await other.call("upload_end", upload=upload)) == "upload_unknown"
        assert error(await other.chunk(upload, 0, b"x")) == "upload_unknown"
        assert error(await other.call("download_chunk", download=signed["download"], offset=0)) == "upload_unknown"
        assert (await other.call("upload_drop", upload=upload))["result"] == {"dropped": False}
    assert len(await page.download(signed)) == signed["size"]


@pytest.mark.parametrize("method", ["upload_begin", "upload_chunk", "upload_end", "upload_drop", "download_chunk"])
async def test_only_pages_that_were_let_in_hand_over(core: Core, method: str) -> None:
    parameters = {"name": "a", "size": 1} if method == "upload_begin" else {"upload": "0" * 32}
    stranger = core.page("https://stranger.example", allowed=False)
    assert error(await core.call(stranger, method, parameters)) == "not_allowed"
    for caller in (core.command(), core.extension()):
        assert error(await core.call(caller, method, parameters)) == "unknown_method"
    assert not core.places.uploads.exists()


async def test_a_page_that_goes_takes_what_it_handed_over_along(core: Core, page: Page) -> None:
    upload = await page.hand_over()
    other = Page(core, core.page())
    kept = await other.begin()
    assert len(spools(core)) == 2
    core.dispatcher.closed(page.caller)
    assert len(spools(core)) == 1
    assert "result" in await other.chunk(kept, 0, b"x")
    assert error(await other.call("sign", upload=upload)) == "upload_unknown"


async def test_a_page_that_goes_while_a_piece_is_written_leaves_nothing(
    core: Core, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        writing.set()
        go_on.wait(30)

    monkeypatch.setattr(Spool, "_write", slow)
    upload = await page.begin(MAX_CHUNK)
    sending = asyncio.ensure_future(page.chunk(upload, 0, bytes(MAX_CHUNK)))
    await asyncio.to_thread(writing.wait, 30)
    core.dispatcher.closed(page.caller)
    assert len(spools(core)) == 1  # a disk that takes long is not waited for
    go_on.set()
    await sending
    await asyncio.get_running_loop().shutdown_default_executor()
    assert len(spools(core)) == 0


async def test_what_is_spooled_has_no_name_and_is_closed_to_others(core: Core, page: Page) -> None:
    await page.hand_over()
    assert list(core.places.uploads.iterdir()) == []
    assert core.places.uploads.stat().st_mode & 0o777 == 0o700
    (descriptor,) = spools(core)
    assert os.fstat(descriptor).st_mode & 0o777 == 0o600


async def test_a_page_and_a_site_have_so_many_and_no_more(core: Core, page: Page) -> None:
    for _ in range(MAX_OF_PAGE):
        first = await page.begin()
    assert error(await page.call("upload_begin", name="a", size=1)) == "busy"
    others = [Page(core, core.page()) for _ in range(MAX_OF_ORIGIN // MAX_OF_PAGE)]
    for _ in range(MAX_OF_ORIGIN - MAX_OF_PAGE):
        await others[0].begin()
    assert error(await others[1].call("upload_begin", name="a", size=1)) == "busy"
    assert "result" in await core.call(core.page("https://other.example"), "upload_begin", {"name": "a", "size": 1})
    assert (await page.call("upload_drop", upload=first))["result"] == {"dropped": True}
    assert "result" in await others[1].call("upload_begin", name="a", size=1)


async def test_the_settings_limit_what_one_site_and_all_of_them_hand_over(core: Core, page: Page) -> None:
    core.services.uploads = Uploads(core.places.uploads, limit=1000)
    await page.begin(600)
    answer = await page.call("upload_begin", name="a", size=401)
    assert (error(answer), answer["error"]["data"]["facts"]) == ("storage_full", {"limit": 1000})
    second = Page(core, core.page("https://second.example"))
    await second.begin(1000)
    third = await core.call(core.page("https://third.example"), "upload_begin", {"name": "a", "size": 401})
    assert third["error"]["data"]["facts"] == {"limit": 2000}
    core.services.uploads.close()


async def test_room_on_the_disk_is_promised_once(core: Core, page: Page) -> None:
    core.services.uploads = Uploads(core.places.uploads, limit=10_000, free=lambda _path: 1000)
    upload = await page.begin(700)
    answer = await page.call("upload_begin", name="a", size=301)
    assert (error(answer), answer["error"]["data"]["facts"]) == ("storage_full", {"limit": None})
    await page.chunk(upload, 0, bytes(500))  # these are on the disk now, and no longer promised
    await page.begin(800)
    core.services.uploads.close()


async def test_a_disk_that_fills_ends_the_upload_and_nothing_else(core: Core, page: Page, tmp_path: Path) -> None:
    upload, other = await page.begin(3 * PIECE), await page.begin(10)
    await page.chunk(upload, 0, bytes(PIECE))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PIECE + 10, limits[1]))
    try:
        assert error(await page.chunk(upload, PIECE, bytes(PIECE))) == "storage_full"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error(await page.chunk(upload, PIECE, b"x")) == "upload_unknown"
    assert len(spools(core)) == 1
    assert "result" in await page.chunk(other, 0, b"x" * 10)


async def test_what_is_left_alone_makes_room_for_another(
    core: Core, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_OF_PAGE):
        await page.begin()
    monkeypatch.setattr(uploads, "LEFT_ALONE", -1.0)
    await page.begin()
    assert len(spools(core)) == 1


async def test_content_that_the_disk_changed_never_comes_back_whole(core: Core, page: Page) -> None:
    upload = await page.hand_over()
    signed = (await page.call("sign", upload=upload, attached=True))["result"]
    (descriptor,) = spools(core)
    os.pwrite(descriptor, b"X", PIECE)
    taken = 0
    while "result" in (answer := await page.call("download_chunk", download=upload, offset=taken, length=PIECE)):
        assert not answer["result"]["last"]
        taken += len(base64.b64decode(answer["result"]["data"]))
    assert error(answer) == "file_changed"
    assert taken < signed["size"]


async def test_a_format_that_holds_the_document_refuses_what_is_too_large(core: Core, page: Page) -> None:
    upload = await page.begin(MAX_WHOLE + 1)
    answer = await page.call("sign", upload=upload, attached=True, options={"encoding": "pem"})
    assert error(answer) == "document_too_large"


async def test_only_one_of_document_digest_and_upload_is_signed(page: Page) -> None:
    upload = await page.hand_over(b"x")
    both = await page.call("sign", upload=upload, document={"name": "a", "content": ""})
    assert error(both) == "bad_parameters"


def test_what_a_killed_agent_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    """The name is gone before anything is written; so the process is ended in between."""
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom agent.signing import large_spool\n"
        "large_spool.os.unlink = lambda name: os.kill(os.getpid(), signal.SIGKILL)\n"
        "large_spool.Spool(Path(sys.argv[1]), 'a', 1, ())\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    Uploads(tmp_path, limit=1)
    assert list(tmp_path.iterdir()) == []
