"""The doctor on a bad day: others that never end, names that deceive, disks that are full, users without a home."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.cli import diagnose_files
from agent.config import Settings
from agent.diagnostics import bundle, history, report
from agent.diagnostics.base import Finding
from agent.diagnostics.checks import agent_disk
from agent.diagnostics.fleet import prometheus, system_log
from agent.diagnostics.fleet.figures import Run, figures
from agent.diagnostics.probes.cards import PcscCards, View
from agent.diagnostics.probes.clock import LinuxClock
from agent.diagnostics.probes.network import RealNetwork
from agent.diagnostics.probes.pac import RealScripts
from agent.errors import ExportFailed, FileUnwritable
from agent.texts.catalogue import LANGUAGES
from agent.timestamp.networks import networks
from agent.timestamp.web import Unreached, Web
from tests.harness.diagnosed import Fake
from tests.harness.places import ROOT
from tests.harness.sites import listening, silent

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DECEIVING = "x\x9b2J\u202egnp.exe\u2028\udcff"  # CSI of C1, right-to-left, a line, an octet that is no UTF-8


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def dripping(first: bytes) -> Any:
    """An octet now and then, so that no single wait takes long: headers without an end."""

    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return handle


@pytest.mark.parametrize(("scheme", "first"), [("http", b"HTTP/1.1 200 OK\r\nA: "), ("https", b"\x16\x03\x03\x3f\x00")])
async def test_a_site_that_drips_costs_its_deadline_and_leaves_no_thread(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, scheme: str, first: bytes
) -> None:
    monkeypatch.setattr("agent.diagnostics.probes.network.SECONDS", 0.5)
    port = stack.enter_context(listening(dripping(first)))
    before = set(threading.enumerate())
    made = await RealNetwork(Settings, {}).trial(f"{scheme}://127.0.0.1:{port}/")
    assert made.reason == "timed_out"
    assert made.step == ("http" if scheme == "http" else "tls")
    left = [one for one in threading.enumerate() if one not in before and one.name == "pero-probe"]
    for thread in left:
        await asyncio.to_thread(thread.join, 10)
    assert not any(thread.is_alive() for thread in left)


async def test_an_address_that_says_nothing_is_given_up_long_before_one_that_says_much(stack: ExitStack) -> None:
    """A list of revoked certificates may take its time; a responder that hangs may not."""

    def slow(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            time.sleep(0.2)
            connection.sendall(b"x")

    async with Web("direct", {}, guarded=networks(("127.0.0.0/8",)), silence=0.9) as web:
        port = stack.enter_context(listening(slow))
        assert (await web.get(f"http://127.0.0.1:{port}/", limit=100, seconds=30)).body == b"xxxxxx"
        port = stack.enter_context(listening(silent))
        begun = time.monotonic()
        with pytest.raises(Unreached) as error:
            await web.get(f"http://127.0.0.1:{port}/", limit=100, seconds=30)
    assert error.value.reason == "timed_out"
    assert time.monotonic() - begun < 15


async def test_a_name_server_that_hangs_does_not_hold_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hanging(_host: str) -> None:
        released.wait(60)

    monkeypatch.setattr("agent.diagnostics.probes.clock.ntp_offset", hanging)
    monkeypatch.setattr("agent.diagnostics.probes.clock.NTP_TIMEOUT", 0.1)
    settings = Settings(clock_hosts=("ntp.test",), clock_pages=(), timestamp_authorities=())
    async with asyncio.timeout(30):
        assert await LinuxClock(lambda: settings, {}, RealNetwork(lambda: settings, {})).sources() == []
    released.set()


async def test_a_smart_card_service_that_hangs_is_found_faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hanging(_cards: PcscCards) -> View:
        released.wait(60)
        return View("running")

    monkeypatch.setattr(PcscCards, "_view", hanging)
    monkeypatch.setattr("agent.diagnostics.probes.cards.VIEW_SECONDS", 0.1)
    async with asyncio.timeout(30):
        assert await PcscCards({}).view() == View("failed", 0x8010000A)
    released.set()


async def test_a_proxy_script_at_no_address_or_in_a_pipe_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.diagnostics.probes.pac.FETCH_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    for script in ("http://[", "http://[::1", f"file://{tmp_path}/pipe", f"file://{tmp_path}", "file:///a%00b"):
        async with asyncio.timeout(30):
            assert (await RealScripts({}).verdict(script, "http://127.0.0.1/")).outcome == "unreachable", script
    os.close(os.open(tmp_path / "pipe", os.O_RDWR))  # whoever waits for a writer goes on


def test_names_that_differ_where_nobody_looks_are_one_series() -> None:
    """Two of one name and labels, and the node exporter refuses the whole file."""
    names = ["x" * 200 + end for end in "abc"] + ["y\udc80", "y\udcff"]
    findings = [Finding("browsers.legacy", "old", "warning", {"name": name, "version": "1.2"}) for name in names]
    told = prometheus.as_text(figures(Run(findings, "0.1.0", "Debian", 1000, NOW, 1.0)))
    series = [line.rpartition(" ")[0] for line in told.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))
    assert sum(line.startswith("pero_driver_version") for line in series) == 2


def test_a_journal_that_takes_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_log, "SECONDS", 0.1)
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)  # and nobody reads
        entry = system_log.Entry("message " * 100, 3, system_log.FINDING_ID, {})
        with pytest.raises(ExportFailed):
            system_log.write([entry] * 5000, path)


def test_what_is_shown_of_the_bundle_steers_no_terminal_and_says_the_same() -> None:
    finding = Finding("modules.version", "newest", "ok", {"driver": DECEIVING, "vendor": "Рутокен"})
    shown = bundle.content([finding], {"system": "Debian"})
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert json.loads(shown)["findings"][0]["facts"] == {"driver": DECEIVING, "vendor": "Рутокен"}
    assert "Рутокен" in shown
    assert bundle.packed(shown)


def test_no_half_file_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    """By the limit of a file's size, which the kernel holds as it does a full disk."""
    program = f"""
import resource, signal
from pathlib import Path
from agent.cli import diagnose_files
from agent.errors import FileUnwritable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    diagnose_files.write_new(Path({str(tmp_path / "page.html")!r}), b"x" * 5000)
except FileUnwritable:
    print("told")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "told\n"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "page.html").write_text("somebody's")
    with pytest.raises(FileUnwritable):
        diagnose_files.write_new(tmp_path / "page.html", b"x")
    assert (tmp_path / "page.html").read_text() == "somebody's"


def test_a_history_of_long_entries_is_shortened_and_not_lost(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    for number in range(60):
        findings = [
            Finding(
                "browsers.legacy", "old", "warning", {"name": f"{one} {'я' * 80}", "version": f"{number} {'ж' * 90}"}
            )
            for one in range(100)
        ]
        entries = history.record(path, findings, {"system": "Debian"}, NOW)
    assert path.stat().st_size <= history.MAX_FILE
    assert history.load(path) == entries
    assert len(entries) > 10


def test_a_user_without_a_home_is_examined_too(tmp_path: Path) -> None:
    """As services and containers run programs: a number that the system has no name for, and no HOME."""
    program = (
        "import os, pathlib\n"
        "def nobody(): raise RuntimeError('Could not determine home directory.')\n"
        "pathlib.Path.home = staticmethod(nobody)\n"
        "os.environ.pop('HOME', None)\n"
        "from agent.cli import context\n"
        "made = context.context_from(context.environment())\n"
        "print(made.locations.state)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith("/nonexistent/")


@pytest.mark.parametrize(
    ("state", "status"), [("room", "ok"), ("full", "error"), ("read_only", "error"), ("forbidden", "error")]
)
async def test_a_disk_that_takes_nothing_is_told(state: Any, status: str) -> None:
    fake = Fake()
    fake.free = state
    (finding,) = await agent_disk.CHECK.examine(fake)
    assert (finding.case, finding.status) == (state, status)
    for language in LANGUAGES:
        told = report.wording(finding, language), report.advice(finding, language), report.why(finding, language)
        assert not any("check." in one for one in told)
        assert all(told) or status == "ok"


def test_a_full_and_a_read_only_disk_are_seen_and_well_again(tmp_path: Path) -> None:
    """Real file systems of the kernel, in a name space of their own."""
    program = f"""
import os, subprocess
from pathlib import Path
from agent.diagnostics.probes.rights import room
place = Path({str(tmp_path)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
kept = place / "share" / "pero"
told = [room(kept)[1]]
(place / "fill").write_bytes(bytes(4 << 20))
told.append(room(kept)[1])
(place / "fill").unlink()
subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
told.append(room(kept)[1])
subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
place.chmod(0o500)
os.setuid(65534)
told.append(room(kept)[1])
print(*told)
"""
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["room", "full", "read_only", "forbidden"], done.stderr
