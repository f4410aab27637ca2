"""Files of any size from disk: read in pieces, refused where they change, put into their signature (R6, R17)."""

from __future__ import annotations

import base64
import hashlib
import os
import resource
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.algorithms import SHA256, SHA512
from agent.api.contents import MAX_WHOLE
from agent.api.signature_file import write_signature
from agent.cms.stream import Around
from agent.consent.prompter import SigningPrompt
from agent.errors import Cancelled, FileChanged, FileUnwritable
from agent.signing.large import PIECE, Content, nobody, pour, read_streamed, write_attached
from tests.harness.core import Core
from tests.unit.test_signing_procedure import judge, outcomes

LARGE = MAX_WHOLE + 3 * PIECE + 5  # bytes


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer")
    return core


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.write("Начало\n".encode())
        file.truncate(LARGE)
        file.seek(LARGE - 3)
        file.write(b"end")
    return path


def openssl_digest(path: Path, name: str = "sha256") -> bytes:
    return subprocess.run(["openssl", "dgst", f"-{name}", "-binary", path], capture_output=True, check=True).stdout


async def signed(core: Core, path: Path, **more: Any) -> dict[str, Any]:
    return await core.call(core.command(), "sign_file", {"path": str(path), **more})


def read(path: Path, told: Callable[[int, int], None] = nobody, given_up: threading.Event | None = None) -> Any:
    with path.open("rb") as file:
        return read_streamed(
            path, file, (SHA256, SHA512), insist=True, given_up=given_up or threading.Event(), told=told
        )


# reading


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, (9 << 20) + PIECE])
def test_the_digests_are_those_of_openssl_whatever_the_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    document = read(path)
    assert (document.size, document.algorithm, document.value) == (size, "sha256", openssl_digest(path))
    assert document.others == (("sha512", openssl_digest(path, "sha512")),)


def test_reading_says_how_far_it_is(large: Path) -> None:
    seen: list[tuple[int, int]] = []
    read(large, lambda done, size: seen.append((done, size)))
    assert seen[-1] == (LARGE, LARGE)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, LARGE // 2)


def touch(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"X")


def replace(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


CHANGES = [append, shrink, touch, replace, Path.unlink]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_refused(large: Path, change: Callable[[Path], None]) -> None:
    def told(done: int, _size: int) -> None:
        if done == (8 << 20) + PIECE:
            change(large)

    with pytest.raises(FileChanged):
        read(large, told)


def test_a_file_that_grows_without_end_is_not_read_without_end(large: Path) -> None:
    def told(_done: int, _size: int) -> None:
        with large.open("ab") as file:
            file.write(bytes(2 * PIECE))

    with pytest.raises(FileChanged):
        read(large, told)


def test_reading_is_given_up_at_the_next_piece(large: Path) -> None:
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(Cancelled):
        read(large, given_up=given_up)


def test_what_a_consumer_raises_comes_out(large: Path) -> None:
    def fail(_piece: memoryview) -> None:
        raise OSError(28, "No space left on device")

    with large.open("rb") as file, pytest.raises(OSError, match="No space"):
        pour(file, (fail,), 0, LARGE)


# signing


async def test_a_large_file_is_shown_by_name_size_digest_and_beginning(core: Core, large: Path, tmp_path: Path) -> None:
    with large.open("r+b") as file:  # text all through
        file.write(b"line\n" * (LARGE // 5))
    answer = await signed(core, large)
    (prompt,) = core.person.shown
    assert isinstance(prompt, SigningPrompt)
    shown = prompt.document
    assert (shown.name, shown.size, shown.digest_only, shown.preview_cut) == ("large.txt", LARGE, False, True)
    assert shown.digest == openssl_digest(large).hex()
    assert (shown.preview or "").startswith("line\nline\n")
    judge(tmp_path, answer, large.read_bytes())


@pytest.mark.parametrize("change", CHANGES)
async def test_a_large_file_that_changes_while_the_person_looks_gets_no_signature(
    core: Core, large: Path, change: Callable[[Path], None]
) -> None:
    async def confirm() -> str:
        change(large)
        return core.tokens.entries[0].thumbprint

    core.person.answers = [confirm, FileChanged(path="")]
    answer = await signed(core, large)
    assert answer["error"]["message"] == "file_changed"
    assert outcomes(core) == ["file_changed"]


async def test_a_small_file_that_changes_while_the_person_looks_gets_no_signature_either(
    core: Core, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.write_text("one")

    async def confirm() -> str:
        small.write_text("three")
        return core.tokens.entries[0].thumbprint

    core.person.answers = [confirm, FileChanged(path="")]
    assert (await signed(core, small))["error"]["message"] == "file_changed"


async def test_a_file_that_vanishes_while_the_person_looks_gets_no_signature(core: Core, large: Path) -> None:
    async def confirm() -> str:
        large.unlink()
        return core.tokens.entries[0].thumbprint

    core.person.answers = [confirm, FileChanged(path="")]
    assert (await signed(core, large))["error"]["message"] in ("file_changed", "file_unreadable")
    assert outcomes(core) != ["signed"]


@pytest.mark.parametrize("force", [False, True])
async def test_openssl_accepts_a_large_attached_signature(core: Core, large: Path, tmp_path: Path, force: bool) -> None:
    result = (await signed(core, large, attached=True))["result"]
    assert (result["detached"], result["signature"]) == (False, None)
    target = tmp_path / "large.p7m"
    if force:
        target.write_text("before")
    seen: list[int] = []
    await write_signature(target, dict(result), large, force, lambda done, _size: seen.append(done))
    assert seen[-1] == LARGE
    answer = {"result": {**result, "signature": base64.b64encode(target.read_bytes()).decode()}}
    assert hashlib.sha256(judge(tmp_path, answer, None)).digest() == openssl_digest(large)
    subprocess.run(["openssl", "asn1parse", "-inform", "DER", "-in", target, "-noout"], check=True)


@pytest.mark.parametrize("change", [append, shrink, touch])
async def test_a_file_that_changed_before_it_is_put_in_leaves_nothing(
    core: Core, large: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    result = (await signed(core, large, attached=True))["result"]
    folder = tmp_path / "out"
    folder.mkdir()
    status = large.stat()
    change(large)
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))  # nothing but the content tells
    with pytest.raises(FileChanged):
        await write_signature(folder / "large.p7m", dict(result), large, False, nobody)
    assert list(folder.iterdir()) == []


async def test_a_full_disk_leaves_what_was_there(core: Core, large: Path, tmp_path: Path) -> None:
    result = (await signed(core, large, attached=True))["result"]
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "large.p7m"
    target.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, limits[1]))
    try:
        with pytest.raises(FileUnwritable):
            await write_signature(target, dict(result), large, True, nobody)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in folder.iterdir()] == ["large.p7m"]
    assert target.read_text() == "before"


async def test_a_signature_never_takes_the_place_of_a_file_that_came_meanwhile(core: Core, tmp_path: Path) -> None:
    document, target = tmp_path / "document", tmp_path / "document.p7s"
    document.write_text("one")
    result = (await signed(core, document))["result"]
    target.write_text("another's")
    with pytest.raises(FileUnwritable):
        await write_signature(target, result, document, False, nobody)
    assert target.read_text() == "another's"


async def test_what_has_to_be_held_whole_is_refused_where_it_is_too_large(core: Core, large: Path) -> None:
    for options in ({"encoding": "pem"},):
        answer = await signed(core, large, attached=True, options=options)
        assert answer["error"]["message"] == "document_too_large"


def test_content_of_no_bytes_is_content(tmp_path: Path) -> None:
    source, target = tmp_path / "empty", tmp_path / "out"
    source.touch()
    content = Content(0, "sha256", hashlib.sha256(b"").digest())
    with source.open("rb") as read_from, target.open("wb") as write_to:
        write_attached(read_from, write_to, Around(b"header", b"tail"), content, "empty")
    assert target.read_bytes() == b"headertail"
