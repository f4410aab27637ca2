"""Files that commands name: pipes, devices, odd names and endless files stop nobody (R34)."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from agent.errors import FileUnwritable
from tests.harness.core import Core

METHODS = ["sign_file", "add_key_file", "add_module"]


@pytest.fixture
def core(tmp_path: Path) -> Core:
    core = Core(tmp_path)
    core.tokens.add("DEMO Signer")
    return core


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["pipe", "a\0b", "x" * 300, "folder", "missing", "loop", "device"])
async def test_what_is_no_file_is_unreadable_at_once(core: Core, tmp_path: Path, method: str, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "device").symlink_to("/dev/zero")
    answer = await asyncio.wait_for(core.call(core.command(), method, {"path": str(tmp_path / name)}), 10)
    assert answer["error"]["message"] == "file_unreadable"


async def test_a_file_that_is_being_digested_is_let_go_when_the_command_ends(core: Core, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 42)  # sparse: hours of digesting
    command = core.command()
    call = asyncio.ensure_future(core.call(command, "sign_file", {"path": str(large)}))
    while not _is_open(large):
        await asyncio.sleep(0.01)
    core.dispatcher.closed(command)
    assert (await asyncio.wait_for(call, 10))["error"]["message"] == "cancelled"
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 30)


def _is_open(path: Path) -> bool:
    links = list(Path("/proc/self/fd").iterdir())
    return any(link.is_symlink() and link.readlink() == path for link in links)


async def test_a_full_disk_costs_the_date_of_last_use_and_not_the_signature(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = core.page()

    def full(*_: object) -> None:
        raise FileUnwritable(path="sites.json", reason="No space left on device")

    monkeypatch.setattr(core.origins, "_write", full)
    parameters = {"document": {"content": "AA==", "name": "one"}}
    assert "signature" in (await core.call(page, "sign", parameters))["result"]


OURS = ["/proc/self/environ", "/proc/thread-self/maps", "/dev/fd/{fd}", "/proc/self/fd/{fd}", "/dev/../dev/fd/{fd}"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("path", OURS)
async def test_what_is_of_this_process_is_read_for_nobody(
    core: Core, tmp_path: Path, method: str, by_link: bool, path: str
) -> None:
    """What a page handed over lies in files without names; no other process can open these."""
    with tempfile.TemporaryFile(dir=tmp_path) as held:
        held.write(b"of a page")
        held.flush()
        named = Path(path.format(fd=held.fileno()))
        if by_link:
            (tmp_path / "link").symlink_to(named)
            named = tmp_path / "link"
        assert named.read_bytes()  # the system lets this process do so
        answer = await asyncio.wait_for(core.call(core.command(), method, {"path": str(named)}), 30)
    assert answer["error"]["message"] == "file_unreadable"
    assert core.person.shown == []


async def test_a_number_of_an_open_file_is_not_taken_for_ours(core: Core, tmp_path: Path) -> None:
    """`pero sign /dev/fd/9 9<letter`: the agent has another file, or none, under this number."""
    (tmp_path / "other").write_bytes(b"another file, which has a name")
    with (tmp_path / "other").open("rb") as other:
        answer = await core.call(core.command(), "sign_file", {"path": f"/dev/fd/{other.fileno()}"})
    assert answer["error"]["message"] == "file_unreadable"
