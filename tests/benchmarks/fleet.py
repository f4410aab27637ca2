"""Ten thousand machines by simulation: what Debian's Prometheus sees of them and what that costs, and what one machine
and its node exporter have to do for it."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure
from tests.benchmarks.fleet_server import machine
from tests.harness.fleet import SELF, asked, exporter, free_port, program, prometheus
from tests.harness.places import ROOT

MACHINES = 10_000
INTERVAL = 60  # seconds between two scrapes of a machine
PATIENCE = 600.0  # seconds until all were seen
SAMPLES = 20
_FLEET = ROOT / "packaging" / "fleet"


def figures(folder: Path, machines: int = MACHINES) -> list[Figure]:
    folder.mkdir()
    return [*_one_machine(folder), *_collector(folder, machines)]


def _one_machine(folder: Path) -> list[Figure]:
    """The file, and a scrape of the exporter that holds nothing but it."""
    (folder / "figures").mkdir()
    (folder / "figures" / "pero.prom").write_bytes(machine(1))
    with exporter(folder / "figures") as url:
        scrapes = [_milliseconds(lambda: _fetched(url)) for _ in range(SAMPLES)]
    sizes = [len(machine(number)) / 1024 for number in range(SAMPLES)]
    rows = [float(sum(line[:1] != b"#" for line in machine(number).splitlines())) for number in range(SAMPLES)]
    return [
        Figure("figures of a machine", sizes, "KiB"),
        Figure("series of a machine", rows, ""),
        Figure("scrape of the node exporter, this file alone", scrapes),
    ]


def _collector(folder: Path, machines: int) -> list[Figure]:
    _allow_many_files()
    port = free_port()
    with program(sys.executable, "-m", "tests.benchmarks.fleet_server", str(port), str(machines),
                 url=f"http://127.0.0.1:{port}/machine/0"):  # fmt: skip
        (folder / "server").mkdir()
        with prometheus(folder / "server", _configuration(folder, port, machines)) as server:
            begin = time.monotonic()
            _until_all(server, machines)
            seen = time.monotonic() - begin
            used = _one(server, "sum(process_cpu_seconds_total)")
            time.sleep(INTERVAL)  # one whole round of what is known already
            used = _one(server, "sum(process_cpu_seconds_total)") - used
            return [
                Figure(f"all {machines} machines seen after", [seen], "s"),
                Figure("series in its head", [_one(server, "prometheus_tsdb_head_series")], ""),
                Figure("its memory", [_one(server, "process_resident_memory_bytes") / (1 << 20)], "MiB"),
                Figure("processor time of a round of scrapes", [used], "s"),
                Figure("a scrape of a machine", [value * 1e3 for value in _all(server, "scrape_duration_seconds")]),
                Figure(
                    "all alert rules once", [_one(server, "max(prometheus_rule_group_last_duration_seconds)") * 1e3]
                ),
                Figure("a panel of the dashboard", [_milliseconds(lambda e=e: _all(server, e)) for e in _panels()]),
                Figure("its disk, first rounds", [_size(folder / "server" / "data") / (1 << 20)], "MiB"),
            ]


def _configuration(folder: Path, port: int, machines: int) -> dict[str, Any]:
    address = f"127.0.0.1:{port}"
    targets = [
        {"targets": [address], "labels": {"__metrics_path__": f"/machine/{n}", "instance": f"machine-{n:05}"}}
        for n in range(machines)
    ]
    (folder / "machines.json").write_text(json.dumps(targets))
    return {
        "global": {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": "10s", "evaluation_interval": "30s"},
        "rule_files": [str(_FLEET / "alerts.yml")],
        "scrape_configs": [
            {"job_name": "pero", "file_sd_configs": [{"files": [str(folder / "machines.json")]}]},
            {
                "job_name": "itself",
                "scrape_interval": "5s",
                "scrape_timeout": "5s",
                "static_configs": [{"targets": [SELF]}],
            },
        ],
    }


def _until_all(server: str, machines: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (_all(server, "count(pero_info)") or [0.0])[0] < machines:
        assert time.monotonic() < deadline, "not all machines were seen"
        time.sleep(1)


def _panels() -> list[str]:
    return [panel["targets"][0]["expr"] for panel in json.loads((_FLEET / "dashboard.json").read_text())["panels"]]


def _all(server: str, query: str) -> list[float]:
    answer = asked(f"{server}/api/v1/query", query=query)
    assert answer["status"] == "success", answer
    return [float(row["value"][1]) for row in answer["data"]["result"]]


def _one(server: str, query: str) -> float:
    return _all(server, query)[0]


def _fetched(url: str) -> bytes:
    import urllib.request

    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def _milliseconds(work: Any) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _allow_many_files() -> None:
    """A connection for each machine, on both sides."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
