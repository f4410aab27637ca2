"""From a machine to an administrator's screen: `pero diagnose`, Debian's node exporter, Debian's Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cli.exits import Exit
from agent.diagnostics.base import Finding
from agent.diagnostics.fleet.figures import figures
from agent.diagnostics.fleet.prometheus import as_text
from tests.harness.command_line import CommandLine
from tests.harness.fleet import PROMTOOL, asked, exporter, prometheus, run
from tests.harness.places import ROOT

FLEET = ROOT / "packaging" / "fleet"
SCRAPED = 60.0  # seconds until figures have come through


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        line.environment["PATH"] = "/usr/bin:/bin"
        yield line


def configuration(target: str, *rules: Path) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [{"job_name": "pero", "static_configs": [{"targets": [target]}]}],
    }


def value(server: str, query: str) -> list[Any]:
    answer = asked(f"{server}/api/v1/query", query=query)
    assert answer["status"] == "success", (query, answer)
    return list(answer["data"]["result"])


def until(server: str, query: str) -> list[Any]:
    deadline = time.monotonic() + SCRAPED
    while not (found := value(server, query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.2)
    return found


def test_what_pero_writes_comes_to_prometheus_and_the_alerts_of_it_fire(line: CommandLine, tmp_path: Path) -> None:
    """With the command's own file beside one that has something wrong of every kind."""
    for folder in ("figures", "server"):
        (tmp_path / folder).mkdir()
    done = line.run("diagnose", "--area", "agent", "--prometheus", tmp_path / "figures" / "pero-0.prom")
    assert (done.status, done.output) == (2, ""), done.complaint
    now = datetime.now(UTC)
    ends = {"end": f"{now + timedelta(days=9):%Y-%m-%d}", "key_end": f"{now - timedelta(days=9):%Y-%m-%d}"}
    made = run(began=now)
    ending = Finding("certificates.usable", "ends_soon", "warning", {"thumbprint": "ab" * 32, **ends})
    made = made._replace(findings=(*made.findings[:-4], ending, made.findings[-3]), user=os.getuid() + 1)
    (tmp_path / "figures" / "pero-another.prom").write_text(as_text(figures(made)))
    with exporter(tmp_path / "figures") as url:
        target = url.removeprefix("http://").removesuffix("/metrics")
        with prometheus(tmp_path / "server", configuration(target, FLEET / "alerts.yml")) as server:
            user = os.getuid()
            (row,) = until(server, f'pero_finding{{check="agent.running", case="not_running", user="{user}"}}')
            assert row["value"][1] == "1", "the command's own file: the agent does not run"
            assert value(server, "node_textfile_scrape_error")[0]["value"][1] == "0"
            assert len(until(server, 'ALERTS{alertname="PeroCertificateEndsSoon", alertstate="firing"}')) == 1
            fired = {one["metric"]["alertname"] for one in value(server, 'ALERTS{alertstate="firing"}')}
            assert fired == {"PeroCertificateEndsSoon", "PeroCertificateEnded", "PeroDriverOld", "PeroClockWrong",
                             "PeroPinLocked"}  # fmt: skip
            empty = [panel["title"] for panel in panels() if not value(server, expression(panel))]
            assert empty == [], "every panel of the dashboard has something to show"


def panels() -> list[dict[str, Any]]:
    return list(json.loads((FLEET / "dashboard.json").read_text())["panels"])


def expression(panel: dict[str, Any]) -> str:
    (target,) = panel["targets"]
    return str(target["expr"])


def test_promtool_accepts_the_rules_and_sees_each_of_them_fire() -> None:
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml")):
        done = subprocess.run([PROMTOOL, *words], cwd=FLEET, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tried = (FLEET / "alerts-test.yml").read_text()
    names = [line.split(":")[1].strip() for line in (FLEET / "alerts.yml").read_text().splitlines() if "alert:" in line]
    assert [name for name in names if f"alertname: {name}\n" not in tried] == []


def test_the_units_are_units(tmp_path: Path) -> None:
    """systemd's own judges; the program is looked for where it lies here."""
    pero = Path(sys.executable).with_name("pero")
    service = (FLEET / "pero-diagnose.service").read_text()
    (tmp_path / "pero-diagnose.service").write_text(service.replace("ExecStart=pero ", f"ExecStart={pero} "))
    (tmp_path / "pero-diagnose.timer").write_text((FLEET / "pero-diagnose.timer").read_text())
    (tmp_path / "runtime").mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", tmp_path / "pero-diagnose.timer", tmp_path / "pero-diagnose.service"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "runtime")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "etc/tmpfiles.d").mkdir(parents=True)
    (tmp_path / "etc/tmpfiles.d/pero-figures.conf").write_bytes((FLEET / "pero-figures.conf").read_bytes())
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={tmp_path}", "pero-figures.conf"], check=True)
    assert (tmp_path / "var/lib/pero-figures").stat().st_mode & 0o7777 == 0o1777


def test_the_command_of_the_unit_is_a_command_of_pero(line: CommandLine, tmp_path: Path) -> None:
    unit = (FLEET / "pero-diagnose.service").read_text()
    (command,) = [one.removeprefix("ExecStart=pero ") for one in unit.splitlines() if one.startswith("ExecStart=")]
    words = command.replace("/var/lib/pero-figures/pero-%U.prom", str(tmp_path / "x.prom")).split()
    done = line.run(*words)
    assert done.status in (1, 2, Exit.FAILED), done.complaint  # it fails where no journal runs, after the figures
    assert (tmp_path / "x.prom").exists()
