"""The native host as a browser runs it: a process with frames on its standard streams, and an agent's socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ERRORS
from native_host import framing, install, relay

DEADLINE = 20.0  # seconds; only waited for where something is broken
ORIGIN = "chrome-extension://abc/"


class Agent:
    """A listening socket in a private folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self.path = folder / "it's a socket"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.settimeout(DEADLINE)
        self._listening.bind(os.fspath(self.path))
        self._listening.listen()

    def accept(self) -> socket.socket:
        connection, _ = self._listening.accept()
        connection.settimeout(DEADLINE)
        return connection

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with contextlib.closing(Agent(tmp_path / "run time")) as agent:
        yield agent


@contextlib.contextmanager
def host(path: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The native host through the launcher that `pero setup` writes, in an environment that knows nothing."""
    launcher = tmp_path / "native-host"
    install.write_launcher(launcher, path)
    with subprocess.Popen(
        [launcher, ORIGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/", bufsize=0
    ) as process:
        overdue = threading.Timer(DEADLINE, process.kill)
        overdue.start()
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()


def said(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    payload = framing.read(process.stdout.read)  # type: ignore[arg-type]
    return None if payload is None else json.loads(payload)


def say(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)


def heard(connection: socket.socket) -> bytes | None:
    return framing.read(connection.recv)


def test_it_says_hello_with_the_arguments_that_the_browser_gave(agent: Agent, tmp_path: Path) -> None:
    with host(agent.path, tmp_path), agent.accept() as connection:
        hello = json.loads(heard(connection) or b"")
    assert hello == {"hello": {"role": "native_host", "protocol": 1, "arguments": [ORIGIN]}}


def test_frames_are_copied_both_ways_as_they_are(agent: Agent, tmp_path: Path) -> None:
    frames = [b"", b"{}", b"not even JSON \xff\0", b"x" * framing.MAX_FRAME]
    with host(agent.path, tmp_path) as process, agent.accept() as connection:
        heard(connection)
        for frame in frames:
            say(process, framing.pack(frame))
            assert heard(connection) == frame
            connection.sendall(framing.pack(frame))
            assert framing.read(process.stdout.read) == frame  # type: ignore[union-attr,arg-type]


def test_it_ends_when_the_browser_ends(agent: Agent, tmp_path: Path) -> None:
    with host(agent.path, tmp_path) as process, agent.accept() as connection:
        heard(connection)
        assert process.stdin is not None
        process.stdin.close()
        assert heard(connection) is None
        assert process.wait(DEADLINE) == 0


def test_half_a_frame_ends_it_and_is_not_passed_on(agent: Agent, tmp_path: Path) -> None:
    with host(agent.path, tmp_path) as process, agent.accept() as connection:
        heard(connection)
        say(process, framing.pack(b"whole")[:-2])
        assert process.stdin is not None
        process.stdin.close()
        assert heard(connection) is None
        assert process.wait(DEADLINE) == 0


def test_it_tells_the_browser_that_the_agent_went_away_and_ends(agent: Agent, tmp_path: Path) -> None:
    with host(agent.path, tmp_path) as process:
        with agent.accept() as connection:
            heard(connection)
            connection.sendall(framing.pack(b'{"last": "words"}') + framing.pack(b"cut off")[:5])
        assert said(process) == {"last": "words"}
        assert said(process)["error"]["message"] == "connection_lost"
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("sender", ["browser", "agent"])
def test_a_frame_over_the_limit_ends_it(agent: Agent, tmp_path: Path, sender: str) -> None:
    announced = (framing.MAX_FRAME + 1).to_bytes(4, "little")
    with host(agent.path, tmp_path) as process, agent.accept() as connection:
        heard(connection)
        if sender == "browser":
            say(process, announced)
            assert said(process)["error"]["message"] == "message_too_large"
        else:
            connection.sendall(announced)
            assert said(process)["error"]["message"] == "connection_lost"
        assert process.wait(DEADLINE) == 0


def test_without_an_agent_it_says_not_running_and_starts_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for _ in ("no folder", "no socket"):
        with host(folder / "socket", tmp_path) as process:
            error = said(process)["error"]
            assert (error["code"], error["message"]) == (4009, "not_running")
            assert error["data"] == {"name": "not_running", "actor": "person", "retriable": True, "facts": {}}
            assert said(process) is None
            assert process.wait(DEADLINE) == 0
        folder.mkdir(mode=0o700, exist_ok=True)
    assert not list(folder.iterdir())


def test_a_socket_that_nobody_listens_at_is_not_running(agent: Agent, tmp_path: Path) -> None:
    agent.close()
    with host(agent.path, tmp_path) as process:
        assert said(process)["error"]["message"] == "not_running"


@pytest.mark.parametrize("spoiled", ["open to others", "a link"])
def test_a_folder_that_others_could_have_put_there_is_not_entered(agent: Agent, tmp_path: Path, spoiled: str) -> None:
    path = agent.path
    if spoiled == "open to others":
        path.parent.chmod(0o770)
    else:
        link = tmp_path / "link"
        link.symlink_to(path.parent)
        path = link / path.name
    with host(path, tmp_path) as process:
        error = said(process)["error"]
    assert error["message"] == "state_unsafe"
    assert error["data"]["facts"]["path"] == str(path.parent)


def test_a_socket_that_another_user_serves_is_left_alone(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_check_folder", lambda folder: None)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(relay.Unsafe, match="another user"):
        relay.connect(os.fspath(agent.path))


def test_a_folder_of_another_user_is_not_entered(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(relay.Unsafe, match="another user"):
        relay.connect(os.fspath(agent.path))


def test_its_errors_are_rows_of_the_one_table() -> None:
    table = {error.name: (error.code, str(error.actor), error.retriable) for error in ERRORS}
    assert {name: table[name] for name in relay.ERRORS} == relay.ERRORS
