"""What administrators' tools get: judged by promtool, by the published schema of OTLP, and by the journal itself."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from agent.cli.diagnose_exports import headers_in
from agent.diagnostics.base import Finding
from agent.diagnostics.fleet import otlp, prometheus, system_log
from agent.diagnostics.fleet.figures import ALLOWED, METRICS, figures, version_number
from agent.diagnostics.fleet.telling import LEFT_OUT, said
from agent.errors import ExportFailed, FileUnwritable, SettingsDamaged
from agent.policy import load_policy
from agent.texts.catalogue import LANGUAGES
from agent.timestamp.web import Web
from tests.harness.fleet import CANARIES, PROMTOOL, run

JOURNAL_REMOTE = "/lib/systemd/systemd-journal-remote"


def promtool(*words: str | Path, given: str = "") -> str:
    done = subprocess.run([PROMTOOL, *map(str, words)], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_figures() -> None:
    text = prometheus.as_text(figures(run()))
    assert promtool("check", "metrics", given=text) == ""
    assert 'system="Debian \\"12\\"\\\\"' in text
    assert len({line.split("{")[0] for line in text.splitlines() if line[0] != "#"}) == len(METRICS)


def test_values_that_would_break_a_line_do_not() -> None:
    hostile = run()._replace(findings=(
        Finding("modules.version", "newest", "ok", {"name": 'x"} 1\nevil{a="', "version": "1.2"}),
        Finding("modules.version", "newest", "ok", {"name": "\udcff" + "я" * 500, "version": "9" * 500}),
    ))  # fmt: skip
    text = prometheus.as_text(figures(hostile))
    assert promtool("check", "metrics", given=text) == ""
    assert not any(line.startswith("evil") for line in text.splitlines())
    assert max(len(line) for line in text.splitlines()) < 400


def everything_that_leaves(exported: tuple[str, ...] = ()) -> str:
    made = run(exported=exported)
    told = figures(made)
    parts = [prometheus.as_text(told), json.dumps(otlp.metrics(made, told, "h"), ensure_ascii=False)]
    for language in LANGUAGES:
        parts.append(json.dumps(otlp.logs(made, "h", language), ensure_ascii=False))
        parts += [system_log.as_journal(one).decode(errors="replace") for one in system_log.entries(made, language)]
    return "\n".join(parts)


def test_no_name_serial_number_or_path_leaves_the_machine() -> None:
    left = everything_that_leaves()
    assert [canary for canary in CANARIES if canary in left] == []
    assert LEFT_OUT in left, "what is left out is marked"
    assert "abababababababab" in left, "certificates can be told apart"
    assert set(load_policy.__globals__["Exported"].__args__).isdisjoint(ALLOWED)


def test_what_the_policy_names_does_leave(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text('{"exported": ["owner", "serial"]}')
    exported = load_policy(tmp_path / "policy.json").exported
    left = everything_that_leaves(exported)
    assert [canary for canary in CANARIES if canary in left] == ["Канарейкин", "7070-serial"]
    (tmp_path / "policy.json").write_text('{"exported": ["pin"]}')
    with pytest.raises(SettingsDamaged):
        load_policy(tmp_path / "policy.json")


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("2.18", 2018000),
        ("2.17.1.0", 2017001),
        ("1.4.36-1", 1004036),
        ("0.23", 23000),
        ("3.9999.1", 3999001),
        ("x", None),
    ],
)
def test_versions_become_numbers_that_compare_as_they_do(version: str, number: int | None) -> None:
    assert version_number(version) == number


def test_a_machine_with_a_hundred_certificates_has_figures_of_a_bounded_number() -> None:
    many = tuple(Finding("certificates.usable", "valid", "ok", {"thumbprint": f"{n:064x}"[::-1], "end": "2027-01-01"})
                 for n in range(500))  # fmt: skip
    assert len(figures(run()._replace(findings=many))) < 100


def test_the_file_is_there_whole_readable_for_the_exporter_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "pero.prom"
    path.write_text("old")
    prometheus.write(path, "new\n")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o644)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileUnwritable):
        prometheus.write(tmp_path / "absent" / "pero.prom", "new\n")


# OpenTelemetry


class Collector:
    """What a collector is sent; answers as `status` says."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Collector:
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


async def test_a_collector_gets_what_the_published_schema_wants() -> None:
    """The judge is the schema's own parser: a field it does not know is an error."""
    made = run()
    with Collector() as collector:
        headers = headers_in({"OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, broken"})
        async with Web("direct", {}) as web:
            await otlp.Collector(web, f"{collector.url}/", headers).send(made, figures(made), "desk-1", "en")
        (metrics_path, sent, metrics_body), (logs_path, _sent, logs_body) = collector.got
    assert (metrics_path, logs_path) == ("/v1/metrics", "/v1/logs")
    assert (sent["content-type"], sent["x-key"]) == ("application/json", "a b")
    metrics = json_format.Parse(metrics_body, ExportMetricsServiceRequest())
    (resource,) = metrics.resource_metrics
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["host.name"] == "desk-1"
    told = {one.name: one for one in resource.scope_metrics[0].metrics}
    assert set(told) == {metric.name for metric in METRICS}
    (point,) = told["pero_clock_offset_seconds"].gauge.data_points
    assert (point.as_double, point.time_unix_nano) == (-400.0, 1795341600250000000)
    logs = json_format.Parse(logs_body, ExportLogsServiceRequest())
    records = logs.resource_logs[0].scope_logs[0].log_records
    assert [record.severity_number for record in records].count(SeverityNumber.SEVERITY_NUMBER_ERROR) == 3
    assert all(record.body.string_value for record in records)


async def test_a_collector_that_refuses_or_is_not_there_is_a_typed_error() -> None:
    made = run()
    with Collector() as collector:
        collector.status = 503
        async with Web("direct", {}) as web:
            with pytest.raises(ExportFailed) as refused:
                await otlp.Collector(web, collector.url).send(made, [], "h", "en")
    assert refused.value.facts["reason"] == "http 503"
    for endpoint in (collector.url, "file:///etc/passwd", "http://name:secret@127.0.0.1/"):
        async with Web("direct", {}) as web:
            with pytest.raises(ExportFailed):
                await otlp.Collector(web, endpoint).send(made, [], "h", "en")


# The log of the system


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_journal_reads_every_field_as_it_was_meant(tmp_path: Path, language: str) -> None:
    """What comes out of our socket goes into a journal of systemd's own making, and journalctl tells it."""
    made = run()
    hostile = Finding("agent.port", "closed", "error", {"port": 1, "host": "x\nPRIORITY=0\nMESSAGE=evil"})
    made = made._replace(findings=(*made.findings, hostile), exported=("host",))
    received = sent_to_a_socket(tmp_path / "socket", system_log.entries(made, language))
    entries = read_by_journalctl(tmp_path, received)
    assert [entry["PERO_CASE"] for entry in entries[:-1]] == ["mute", "pin_locked", "behind", "closed", "older",
                                                             "ends_soon", "skipped"]  # fmt: skip
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"pero"}
    assert [entry["PRIORITY"] for entry in entries] == ["3", "3", "3", "3", "4", "4", "5", "6"]
    assert entries[0]["MESSAGE"] == said(made.findings[1], made, language)
    assert entries[3]["PERO_FACT_HOST"] == hostile.facts["host"], "no field of its own came out of a value"
    assert entries[-1]["MESSAGE_ID"] == system_log.RUN_ID
    assert entries[-1]["PERO_COUNT_ERROR"] == "4"


def sent_to_a_socket(path: Path, entries: list[system_log.Entry]) -> list[bytes]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        journal.settimeout(10)
        thread = threading.Thread(target=system_log.write, args=(entries, str(path)))
        thread.start()
        received = [journal.recv(1 << 20) for _ in entries]
        thread.join()
    return received


def read_by_journalctl(folder: Path, received: list[bytes]) -> list[dict[str, str]]:
    """The native protocol is the export format without times (systemd.io/JOURNAL_EXPORT_FORMATS)."""
    exported = b"".join(
        b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n%s\n"
        % (1795341600000000 + n, n + 1, 7, one)
        for n, one in enumerate(received)
    )
    subprocess.run([JOURNAL_REMOTE, "-o", folder / "x.journal", "-"], input=exported, check=True, capture_output=True)
    done = subprocess.run(
        ["journalctl", "--file", folder / "x.journal", "-o", "json", "--all"], check=True, capture_output=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_machine_without_the_journal_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed):
        system_log.write(system_log.entries(run(), "en"), str(tmp_path / "none"))
