"""The real machine, as checks see it: sockets, processes, files, and a time server on loopback."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.config import Locations, Settings
from agent.diagnostics.checks import agent_port
from agent.diagnostics.probe import Machine
from agent.diagnostics.probes.ports import Listener, listeners_in
from agent.diagnostics.true_time import operator
from native_host import install

NTP_EPOCH = 2208988800  # seconds from 1900 to 1970, RFC 5905 figure 4


@asynccontextmanager
async def machine(tmp_path: Path, call: Callable[..., Any] | None = None) -> AsyncIterator[Machine]:
    state, runtime = tmp_path / "state", tmp_path / "runtime"
    for folder in (state, runtime):
        folder.mkdir(mode=0o700, exist_ok=True)
    opened: list[str] = []

    @asynccontextmanager
    async def session() -> AsyncIterator[Any]:
        opened.append("opened")
        yield call

    environment = {"HOME": str(tmp_path / "home"), "PERO_HOME": str(state)}
    async with Machine(Locations(state=state, runtime=runtime), environment, session, "0.1.0") as real:
        yield real
    assert len(opened) <= 1, "one session is enough"


async def test_the_listing_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[str] = []

    async def call(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        asked.append(method)
        return {"certificates": []}

    async with machine(tmp_path, call) as real:
        assert await real.listing() is await real.listing()
    assert asked == ["certificates"]


async def test_a_socket_that_nobody_serves_is_no_agent(tmp_path: Path) -> None:
    async with machine(tmp_path) as real:
        path = Locations(state=tmp_path / "state", runtime=tmp_path / "runtime").socket
        assert not await real.agent_answers()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        assert not await real.agent_answers(), "bound, as a dead agent leaves it"
        listener.listen()
        assert await real.agent_answers()
        listener.close()
        assert not await real.agent_answers()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_a_listening_port_is_seen_with_its_owner(tmp_path: Path, family: int, host: str) -> None:
    assert sys.platform == "linux"
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        port = listener.getsockname()[1]
        async with machine(tmp_path) as real:
            assert real.listeners(port) == [], "bound is not listening"
            assert not await real.connects(host, port)
            listener.listen()
            (seen,) = real.listeners(port) or []
            inode = os.fstat(listener.fileno()).st_ino
            assert seen == Listener(host, os.getuid(), inode)
            assert inode in real.sockets_of(os.getpid())
            assert real.holder(inode) == Path("/proc/self/comm").read_text().strip()
            assert real.holder(2**40) == ""
            assert await real.connects(host, port)


def test_rows_of_proc_net_are_read_as_the_manual_says() -> None:
    """Rows as proc(5) describes them, from another machine."""
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:3995 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100\n"
        "   1: 0100007F:3995 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0 100\n"
        "   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100\n"
    )
    assert list(listeners_in(table, 0x3995)) == [Listener("127.0.0.1", 1000, 4242)]
    assert list(listeners_in(table, 22)) == [Listener("0.0.0.0", 0, 4244)]


async def test_sockets_of_a_process_that_is_gone_are_none(tmp_path: Path) -> None:
    async with machine(tmp_path) as real:
        assert real.sockets_of(2**22 + 1) == set()


async def test_browsers_are_those_with_a_profile_of_this_person(tmp_path: Path) -> None:
    profile = tmp_path / "home" / ".config" / "google-chrome"
    profile.mkdir(parents=True)
    async with machine(tmp_path) as real:
        found = {browser.name: path for browser, path in real.browsers()}
    assert found["chrome"] == profile / "NativeMessagingHosts" / install.FILE_NAME


async def test_files_that_are_not_there_and_programs_that_are(tmp_path: Path) -> None:
    async with machine(tmp_path) as real:
        assert real.read(tmp_path / "absent") is None
        assert real.is_program(Path(sys.executable))
        assert not real.is_program(tmp_path)
        assert not real.is_program(tmp_path / "absent")
        assert real.now().tzinfo is not None
        assert abs((real.now() - datetime.now(UTC)).total_seconds()) < 60


async def test_what_the_administrator_decided_stands_above_the_settings(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"clock_hosts": ["time.example"], "portals": [], "expiry_days": 60, "allow_loopback": false}')
    async with machine(tmp_path) as real:
        real._policy = policy
        settings = real.settings()
        assert (settings.clock_hosts, settings.portals, settings.expiry_days) == (("time.example",), (), 60)
        assert not real.loopback_allowed()
        policy.write_text("{")
        nobody = Settings(clock_hosts=(), clock_pages=(), portals=())
        assert real.settings() == nobody, "a policy that cannot be read may have said that nobody is to be asked"
        policy.unlink()
        real._locations.settings.parent.mkdir(parents=True, exist_ok=True)
        real._locations.settings.write_text('{"clock_hosts": [], "portals": []')
        assert real.settings() == nobody, "so may settings"
    operators = {operator(host) for host in Settings().clock_hosts}
    assert len(operators) >= 4, "no single operator is believed"
    assert len({operator(urlsplit(page).hostname or "") for page in Settings().clock_pages}) >= 3


async def test_ports_that_other_programs_hold_are_named_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"version": "0.1.0", "pid": 1, "port": None}

    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = tuple(one.getsockname()[1] for one in held)
    monkeypatch.setattr("agent.diagnostics.checks.agent_port.LOOPBACK_PORTS", ports)
    async with machine(tmp_path, call) as real:
        (finding,) = await agent_port.CHECK.examine(real)
        name = Path("/proc/self/comm").read_text().strip()
        assert (finding.case, finding.facts["users"]) == ("taken", str(os.getuid()))
        assert finding.facts["holders"] == ", ".join(f"{port} {name}" for port in ports)
        held[0].close()
        (finding,) = await agent_port.CHECK.examine(real)
        assert finding.case == "none"
    for one in held[1:]:
        one.close()
