"""A run of the doctor with something of every kind in it, and the programs that administrators read it with."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from agent.diagnostics.base import Finding
from agent.diagnostics.fleet.figures import Run

PROMETHEUS, EXPORTER, PROMTOOL = "/usr/bin/prometheus", "/usr/bin/prometheus-node-exporter", "/usr/bin/promtool"
SELF = "SELF"  # in a configuration: the address of this Prometheus
READY = 60.0  # seconds until a program answers
CANARIES = ("Канарейкин", "LABEL-canary", "7070-serial", "/home/canary", "canary.example", "Reader Канарейка")


def run(*, exported: Collection[str] = (), began: datetime | None = None) -> Run:
    """Every fact that may name somebody holds a canary."""
    name, label, serial, path, host, reader = CANARIES
    findings = (
        Finding("pcsc.service", "running", "ok", {"readers": 1}),
        Finding("pcsc.readers", "mute", "error", {"reader": reader, "atr": "3B00"}),
        Finding("modules.loadable", "loadable", "ok", {"name": "Rutoken", "path": f"{path}/librtpkcs11ecp.so"}),
        Finding("modules.version", "older", "warning", {"driver": "Rutoken", "version": "2.17", "newest": "2.19",
                                                        "date": "2026-11-22", "path": path}),
        Finding("tokens.pin", "pin_locked", "error", {"label": label, "serial": serial}),
        Finding("certificates.usable", "ends_soon", "warning", {"owner": name, "thumbprint": "ab" * 32, "days": 9,
                                                               "begin": "2025-12-01", "end": "2026-12-01"}),
        Finding("certificates.usable", "valid", "ok", {"owner": name, "thumbprint": "cd" * 32, "days": 400,
                                                       "begin": "2025-12-01", "end": "2027-12-27",
                                                       "key_end": "2027-03-01"}),
        Finding("time.clock", "behind", "error", {"seconds": 400, "sources": 4, "names": host}),
        Finding("agent.port", "skipped", "unknown", {"required": "agent.running"}),
        Finding("providers.present", "none", "not_applicable"),
    )  # fmt: skip
    moment = began or datetime(2026, 11, 22, 10, 0, 0, 250000, tzinfo=UTC)
    return Run(findings, "0.1.0", 'Debian "12"\\', 1000, moment, 2.5, exported)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def program(*words: str | Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server; ready when it answers at `url`."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed below; a pipe that nobody reads would fill
    process = subprocess.Popen([str(word) for word in words], stdout=said, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + READY
        while not _answers(url):
            assert process.poll() is None, _whole(said)
            assert time.monotonic() < deadline, f"{words[0]} does not answer"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)
        said.close()


@contextlib.contextmanager
def exporter(folder: Path) -> Iterator[str]:
    """Debian's node exporter with the textfile collector alone; the address of its figures."""
    url = f"http://127.0.0.1:{free_port()}/metrics"
    place = urllib.parse.urlsplit(url).netloc
    words = (EXPORTER, f"--web.listen-address={place}", "--collector.disable-defaults", "--collector.textfile",
             f"--collector.textfile.directory={folder}", "--web.disable-exporter-metrics")  # fmt: skip
    with program(*words, url=url):
        yield url


@contextlib.contextmanager
def prometheus(folder: Path, configuration: dict[str, Any], *more: str) -> Iterator[str]:
    """Debian's Prometheus; its address. `configuration` is prometheus.yml (JSON is YAML)."""
    url = f"http://127.0.0.1:{free_port()}"
    told = json.dumps(configuration).replace(SELF, url.removeprefix("http://"))
    (folder / "prometheus.yml").write_text(told)
    words = (PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address={url.removeprefix('http://')}", *more)  # fmt: skip
    with program(*words, url=f"{url}/-/ready"):
        yield url


def asked(url: str, **query: str) -> Any:
    """The JSON of an address; an error of HTTP too is an answer."""
    try:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
