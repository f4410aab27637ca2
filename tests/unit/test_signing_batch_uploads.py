"""Documents of a batch that a page handed over before: whole uploads and parts of one (R6); openssl judges."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.api import batch_documents
from agent.consent.prompter import BatchPrompt
from tests.harness import pdf
from tests.harness.core import Core
from tests.unit.test_api_uploads import Page
from tests.unit.test_signing_batch import errors, fetched, judge

CONTENTS = ["Договор № 1\n".encode() * 9_000, b"", b"second", bytes(1 << 20) + b"third"]


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(tmp_path)
    made.tokens.add("DEMO Signer")
    yield made
    made.services.uploads.close()


@pytest.fixture
def page(core: Core) -> Page:
    return Page(core, core.page())


def parts(upload: str, contents: list[bytes] = CONTENTS) -> list[dict[str, Any]]:
    rows, offset = [], 0
    for number, content in enumerate(contents):
        rows.append({"name": f"{number}.bin", "upload": upload, "offset": offset, "size": len(content)})
        offset += len(content)
    return rows


async def signed(page: Page, rows: list[dict[str, Any]], **more: Any) -> tuple[dict[int, Any], str]:
    answer = await page.call("sign_batch", documents=rows, **more)
    assert "result" in answer, answer
    return await fetched(page.core, page.caller, answer["result"]["batch"])


async def test_parts_of_one_upload_are_documents_beside_others(page: Page, core: Core, tmp_path: Path) -> None:
    upload = await page.hand_over(b"".join(CONTENTS))
    whole = await page.hand_over(b"whole")
    rows = [*parts(upload), {"name": "whole", "upload": whole}, {"name": "inside", "content": "aW5zaWRl"}]
    found, ended = await signed(page, rows)
    assert (ended, errors(found), len(found)) == ("", {}, 6)
    for index, content in enumerate([*CONTENTS, b"whole", b"inside"]):
        judge(tmp_path, found[index]["result"], content)
    (prompt,) = core.person.shown
    assert isinstance(prompt, BatchPrompt)
    assert [(row.name, row.size) for row in prompt.documents[:2]] == [("0.bin", len(CONTENTS[0])), ("1.bin", 0)]
    assert prompt.documents[3].digest == hashlib.sha256(CONTENTS[3]).hexdigest()
    (shown,) = [one async for one in core.person.show(0)]
    assert shown is not None
    assert (shown.preview or "").startswith("Договор № 1\nДоговор")


async def test_all_of_a_batch_get_the_digest_that_its_largest_ones_have(core: Core, tmp_path: Path) -> None:
    core.tokens.entries.clear()
    core.tokens.add("DEMO P-384", key="p384")
    page = Page(core, core.page())
    upload = await page.hand_over(b"handed over")
    found, ended = await signed(page, [{"name": "a", "content": "aW5zaWRl"}, {"name": "b", "upload": upload}])
    assert (ended, errors(found)) == ("", {})
    judge(tmp_path, found[0]["result"], b"inside")
    judge(tmp_path, found[1]["result"], b"handed over")


async def test_digests_go_with_uploads_where_all_have_the_same_algorithm(page: Page, tmp_path: Path) -> None:
    upload = await page.hand_over(b"handed over", digest_algorithm="sha512")
    digest = base64.b64encode(hashlib.sha512(b"far away").digest()).decode()
    rows = [{"name": "a", "digest": digest}, {"name": "b", "upload": upload}]
    found, ended = await signed(page, rows, digest_algorithm="sha512")
    assert (ended, errors(found)) == ("", {})
    judge(tmp_path, found[0]["result"], b"far away")
    judge(tmp_path, found[1]["result"], b"handed over")


async def test_formats_that_hold_documents_take_uploads_too_within_limits(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = pdf.plain()
    monkeypatch.setattr(batch_documents, "MAX_HELD", 2 * len(document) + 1)
    upload = await page.hand_over(document * 2)
    third = await page.hand_over(document)
    rows = [*parts(upload, [document, document]), {"name": "c.pdf", "upload": third}]
    found, ended = await signed(page, rows, options={"format": "pades"})
    assert (ended, errors(found)) == ("", {2: "document_too_large"})
    for index in (0, 1):
        made = base64.b64decode(found[index]["result"]["signature"])
        assert "Signature is Valid" in pdf.pdfsig(made, tmp_path)


async def test_what_is_not_there_is_said_of_each_and_asks_nobody(page: Page, core: Core) -> None:
    half = await page.begin(10)
    whole = await page.hand_over(b"0123456789")
    rows: list[dict[str, Any]] = [
        {"name": "half", "upload": half},
        {"name": "beyond", "upload": whole, "offset": 5, "size": 6},
        {"name": "no size", "upload": whole, "offset": 0},
        {"name": "two ways", "upload": half, "content": ""},
        {"name": "none"},
        {"name": "nothing of a half", "upload": half, "offset": 0, "size": 0},
    ]
    found, ended = await signed(page, rows)
    assert (ended, errors(found)) == ("", dict.fromkeys(range(6), "bad_parameters"))
    assert core.person.shown == []


async def test_nobody_has_the_same_octets_read_over_and_over(page: Page, core: Core) -> None:
    upload = await page.hand_over(bytes(1000))
    rows = [{"name": str(n), "upload": upload, "offset": 0, "size": 1000} for n in range(20)]
    assert await signed(page, rows) == ({}, "bad_parameters")
    assert core.person.shown == []


async def test_an_upload_of_another_page_is_none(page: Page, core: Core) -> None:
    upload = await Page(core, core.page()).hand_over(b"theirs")
    assert await signed(page, [{"name": "a", "upload": upload}]) == ({}, "upload_unknown")


async def test_an_upload_may_go_once_the_batch_is_shown(page: Page, core: Core, tmp_path: Path) -> None:
    upload = await page.hand_over(b"handed over")

    async def drop() -> str:
        await page.call("upload_drop", upload=upload)
        return core.tokens.entries[0].thumbprint

    core.person.answers = [drop]
    found, _ = await signed(page, [{"name": "a", "upload": upload}])
    judge(tmp_path, found[0]["result"], b"handed over")


async def test_large_files_of_a_command_are_read_as_streams_and_attached_ones_refused(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.api.methods.sign_file.MAX_WHOLE", 1000)
    monkeypatch.setattr("agent.api.methods.sign_files.MAX_WHOLE", 1000)
    monkeypatch.setattr("agent.api.methods.sign_files.MAX_HELD", 1800)
    contents = [b"a" * 900, b"b" * 5000, b"c" * 900, b"d" * 901]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    paths = [str(tmp_path / str(number)) for number in range(4)]
    command = core.command()
    answer = await core.call(command, "sign_files", {"paths": paths})
    found, _ = await fetched(core, command, answer["result"]["batch"])
    assert errors(found) == {}
    for number, content in enumerate(contents):
        judge(tmp_path, found[number]["result"], content)
    answer = await core.call(command, "sign_files", {"paths": paths, "attached": True})
    found, _ = await fetched(core, command, answer["result"]["batch"])
    assert errors(found) == {1: "document_too_large", 3: "document_too_large"}
