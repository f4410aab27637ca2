"""A page signs a file of 100 MiB, every part real; memory of agent and native host stays flat (R6)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness.browsers import Page
from tests.harness.whole import Desk, until

MEBIBYTES = 100
PIECE = "Договор\n".encode() * 69_905 + b"\n"  # a mebibyte and a bit
MOST = 48 << 20  # bytes that a process may have needed more than it had before: less than half of the document
FILE = f"new File(Array({MEBIBYTES}).fill(piece), 'договор.txt', {{ type: 'text/plain' }})"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk"), "chromium") as desk:
        desk.add_token("rsa2048")
        desk.start_agent()
        desk.open_browser()
        yield desk


def prepared(desk: Desk, *, loopback: bool) -> Page:
    page = desk.page(host="localhost" if loopback else "127.0.0.1")
    if loopback:
        assert desk.port == 14741, "another Pero of this machine holds the first port"
        page.evaluate("pero.configure({ transports: ['loopback'] })")
    if page.evaluate("return (await pero.status()).state") == "not_allowed":
        desk.allow(page)
    page.evaluate(
        f"window.piece = new TextEncoder().encode('Договор\\n'.repeat(69905) + '\\n'); window.file = {FILE};"
        "window.told = []; window.onProgress = (progress) => told.push(progress);"
    )
    return page


def peak(process: int) -> int:
    """The most memory that a process ever had, bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


def host() -> int:
    """The native host that this process's browser started."""
    ours = psutil.Process(os.getpid()).children(recursive=True)
    return next(one.pid for one in ours if any("native_host" in word for word in one.cmdline()))


def told(page: Page, phase: str) -> list[int]:
    found = [one["done"] for one in page.evaluate("return told") if one["phase"] == phase]
    assert found == sorted(found)
    return found


def accepted(desk: Desk, page: Page, *, attached: bool) -> None:
    """Fails where openssl does not accept what the page got."""
    content = PIECE * MEBIBYTES
    if not attached:
        desk.openssl_accepts(desk.answer(page), content)
        return
    around = page.evaluate(
        "const { value, error } = await window.call; if (error) throw new Error(error.code);"
        "if (value.signature !== null || value.detached) throw new Error('not attached');"
        "const text = async (blob) => btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));"
        "const whole = new Uint8Array(await crypto.subtle.digest('SHA-256', await value.blob.arrayBuffer()));"
        "return { size: value.blob.size, digest: btoa(String.fromCharCode(...whole)),"
        " header: await text(value.blob.slice(0, 4096)), tail: await text(value.blob.slice(-16384)) }"
    )
    header, tail = base64.b64decode(around["header"]), base64.b64decode(around["tail"])
    begin = header.index(PIECE[:1000])
    end = tail.rindex(PIECE[-1000:]) + 1000
    whole = header[:begin] + content + tail[end:]
    assert (len(whole), hashlib.sha256(whole).digest()) == (around["size"], base64.b64decode(around["digest"]))
    desk.openssl_accepts({"base64": base64.b64encode(whole).decode()}, content, attached=True)


@pytest.mark.parametrize("loopback", [False, True])
def test_a_page_signs_a_file_of_100_mebibytes_and_gets_it_back(desk: Desk, loopback: bool) -> None:
    page = prepared(desk, loopback=loopback)
    processes = [desk.agent.pid] if loopback else [desk.agent.pid, host()]
    before = [peak(process) for process in processes]
    options = json.dumps({"certificate": desk.identity.thumbprint, "attached": True, "http": True})
    desk.ask(page, f"pero.sign(file, {{ ...{options}, onProgress }})")
    desk.display.wait_for_window("Pero", deadline=120)
    assert told(page, "sending")[-1] == MEBIBYTES * len(PIECE)
    read = " ".join(f"{node['name']} {node['text']}" for node in desk.display.accessible.tree())
    assert "договор.txt" in read
    assert "Договор" in read
    assert hashlib.sha256(PIECE * MEBIBYTES).hexdigest()[:8] in read
    desk.display.sign(desk.pin)
    accepted(desk, page, attached=True)
    for process, most in zip(processes, before, strict=True):
        assert peak(process) - most < MOST
    page.close()


def test_messages_over_loopback_do_as_well_as_one_request(desk: Desk) -> None:
    page = prepared(desk, loopback=True)
    desk.ask(page, f"pero.sign(file, {{ certificate: '{desk.identity.thumbprint}', onProgress }})")
    desk.display.wait_for_window("Pero", deadline=120)
    assert len(told(page, "sending")) >= MEBIBYTES
    desk.display.sign(desk.pin)
    accepted(desk, page, attached=False)
    page.close()


@pytest.mark.parametrize("loopback", [False, True])
def test_a_page_that_changes_its_mind_leaves_nothing_behind(desk: Desk, loopback: bool) -> None:
    page = prepared(desk, loopback=loopback)
    page.evaluate(
        "window.control = new AbortController();"
        "window.onProgress = ({ done }) => done > 20e6 && control.abort(new Error('no'));"
    )
    call = f"pero.sign(file, {{ signal: control.signal, onProgress, http: {json.dumps(loopback)} }})"
    assert page.failure(f"await {call}")["message"] == "no"
    until(lambda: spools(desk) == 0, "the upload to end")
    page.evaluate("window.onProgress = () => {}")
    desk.ask(page, "pero.sign(file, { onProgress })")
    until(lambda: spools(desk) == 1, "the next upload")
    page.close()
    until(lambda: spools(desk) == 0, "the upload to end with its page")


def spools(desk: Desk) -> int:
    """Files that the agent holds open in its folder of uploads."""
    links = [os.readlink(link) for link in Path(f"/proc/{desk.agent.pid}/fd").iterdir() if link.is_symlink()]  # noqa: PTH115
    return sum(str(desk.places.uploads) in link for link in links)
