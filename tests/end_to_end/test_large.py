"""`pero sign` of files that no memory holds: 4 GiB and a byte, progress, Ctrl-C, full disks, kills (R6)."""

from __future__ import annotations

import filecmp
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness.command_line import PERO, CommandLine
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.openssl import openssl
from tests.harness.whole import until

GIBIBYTE = 1 << 30


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


@pytest.fixture
def key_file(pero: CommandLine) -> KeyFile:
    made = make_key_file(pero.folder, "p256")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


def sparse(folder: Path, size: int) -> Path:
    path = folder / "large.bin"
    with path.open("wb") as file:
        file.write(b"begin")
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    return path


def in_folder(pero: CommandLine) -> set[str]:
    return {path.name for path in pero.folder.iterdir() if path.name.startswith(("large", ".large"))}


def test_openssl_accepts_a_detached_signature_of_4_gibibytes_and_a_byte(pero: CommandLine, key_file: KeyFile) -> None:
    path = sparse(pero.folder, 4 * GIBIBYTE + 1)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    ended = pero.run("sign", path, pin=PASSPHRASE)
    assert ended.status == 0, ended
    assert max(before, 200 << 10) >= resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kibibytes
    authority = pero.folder / "authority.pem"
    authority.write_bytes(key_file.identity.authority.public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", f"{path}.p7s", "-content", path,
        "-CAfile", authority, "-purpose", "any", "-out", os.devnull,
    )  # fmt: skip


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_terminal_shows_how_far_it_is_and_ctrl_c_ends_it(pero: CommandLine, key_file: KeyFile, running: bool) -> None:
    path = sparse(pero.folder, 64 * GIBIBYTE)
    if running:
        with pero.agent() as agent:
            interrupted(pero, path)
            until(lambda: not holds_open(agent.pid, path), "the agent to let go of the file")
    else:
        interrupted(pero, path)
    assert in_folder(pero) == {"large.bin"}


def interrupted(pero: CommandLine, path: Path) -> None:
    with pero.on_terminal("sign", path) as terminal:
        terminal.until("Reading the document: ")
        terminal.until(" of 65536 MB")
        terminal.press(b"\x03")
        assert terminal.ended() == 130


def holds_open(process: int, path: Path) -> bool:
    links = Path(f"/proc/{process}/fd").iterdir()
    return any(link.is_symlink() and link.readlink() == path for link in links)


def test_there_is_room_or_nobody_is_asked(pero: CommandLine, key_file: KeyFile) -> None:
    path = sparse(pero.folder, 1 << 43)
    ended = pero.run("sign", path, "--attached", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unwritable")
    assert "space" in ended.json["error"]["facts"]["reason"]
    assert in_folder(pero) == {"large.bin"}


def test_a_disk_that_fills_while_it_is_written_leaves_what_was_there(pero: CommandLine, key_file: KeyFile) -> None:
    path = sparse(pero.folder, 100 << 20)
    target = pero.folder / "large.p7m"
    target.write_text("before")
    command = (PERO, "sign", path, "--attached", "--force", "-o", target, "--pin-fd", "0")
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 40960; exec "$0" "$@"', *command],
        input=PASSPHRASE.encode() + b"\n", env=pero.environment, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr.decode()
    assert target.read_text() == "before"
    assert in_folder(pero) == {"large.bin", "large.p7m"}


def test_openssl_accepts_what_the_agent_put_in_while_it_read(pero: CommandLine, key_file: KeyFile) -> None:
    path = sparse(pero.folder, 100 << 20)
    with pero.agent():
        ended = pero.run("sign", path, "--attached", pin=PASSPHRASE)
    assert ended.status == 0, ended
    authority, content = pero.folder / "authority.pem", pero.folder / "content"
    authority.write_bytes(key_file.identity.authority.public_bytes(Encoding.PEM))
    openssl(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", f"{path}.p7m", "-CAfile", authority,
        "-purpose", "any", "-out", content,
    )  # fmt: skip
    assert filecmp.cmp(content, path, shallow=False)
    assert in_folder(pero) == {"large.bin", "large.bin.p7m"}


def test_a_disk_that_the_agent_fills_is_told_by_the_name_of_the_target(pero: CommandLine, key_file: KeyFile) -> None:
    path = sparse(pero.folder, 100 << 20)
    target = pero.folder / "large.p7m"
    with pero.agent() as agent:
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (40 << 20, 40 << 20))
        ended = pero.run("sign", path, "--attached", "--json", "-o", target, pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unwritable")
    assert ended.json["error"]["facts"] == {"path": str(target), "reason": "File too large"}
    assert in_folder(pero) == {"large.bin"}


@pytest.mark.parametrize("killed", ["agent", "command"])
def test_nothing_is_left_where_the_agent_writes_and_one_of_both_is_killed(
    pero: CommandLine, key_file: KeyFile, killed: str
) -> None:
    path = sparse(pero.folder, 3 * GIBIBYTE)
    with pero.agent() as agent:
        command = subprocess.Popen(
            [PERO, "sign", path, "--attached", "--pin-fd", "0"], stdin=subprocess.PIPE, env=pero.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=pero.folder,
        )  # fmt: skip
        assert command.stdin is not None
        command.stdin.write(PASSPHRASE.encode() + b"\n")
        command.stdin.close()
        until(lambda: command.poll() is None and writes_in(agent, pero.folder), "the agent to write", 60)
        (agent if killed == "agent" else command).kill()
        assert command.wait(30) == (-signal.SIGKILL if killed == "command" else 3)
        until(lambda: agent.poll() is not None or not writes_in(agent, pero.folder), "the agent to let go", 30)
    assert in_folder(pero) == {"large.bin"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_command_that_is_ended_while_it_writes_leaves_nothing(
    pero: CommandLine, key_file: KeyFile, number: signal.Signals
) -> None:
    path = sparse(pero.folder, 3 * GIBIBYTE)  # some seconds of writing
    process = subprocess.Popen(
        [PERO, "sign", path, "--attached", "--pin-fd", "0"], stdin=subprocess.PIPE, env=pero.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=pero.folder,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(PASSPHRASE.encode() + b"\n")
    process.stdin.close()
    until(lambda: writes_in(process, pero.folder), "the command to write", 60)
    process.send_signal(number)
    assert process.wait(30) == (130 if number == signal.SIGINT else -number)
    assert in_folder(pero) == {"large.bin"}


def writes_in(process: subprocess.Popen[Any], folder: Path) -> bool:
    assert process.poll() is None
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(f"{folder}/#"):
            return link.stat().st_size > 1 << 20
    return False
