"""The broken machine for newcomers: it is broken as it says, the report tells each fault, and repairs repair."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.places import ROOT
from tests.newcomer.faults import FAULTS
from tests.newcomer.machine import Machine, made

# By what the report tells each; what one lies behind has to be mended first (`settings damaged` hides modules).
TOLD = {
    "manifest of Chromium absent": ("browsers.manifests", "absent"),
    "manifest of Firefox damaged": ("browsers.manifests", "damaged"),
    "manifest of Chrome lets in another extension": ("browsers.manifests", "other_extension"),
    "manifest of Yandex Browser names a program that is gone": ("browsers.manifests", "launcher_absent"),
    "state folder open to others": ("agent.files", "readable"),
    "module is a text": ("modules.loadable", "unloadable"),
    "module of another machine": ("modules.loadable", "unloadable"),
    "agent stopped": ("agent.running", "not_running"),
    "key file expired": ("certificates.usable", "expired"),
    "PIN of a token locked": ("tokens.pin", "pin_locked"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "machine"
    yield folder
    if folder.exists():
        Machine(folder).end()


def newcomer(order: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.newcomer", order, str(folder), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def diagnosed(machine: Machine, *more: str) -> list[dict[str, Any]]:
    """The report, as the person on that machine gets it."""
    done = subprocess.run(
        [machine.folder / "pero", "diagnose", "--json", *more], capture_output=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    rows: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return rows


def test_ten_faults_are_made_in_silence_and_a_judge_names_them(folder: Path) -> None:
    made_ = newcomer("make", folder, "--seed", "7")
    assert (made_.returncode, made_.stdout, made_.stderr) == (0, "", "")
    judged = newcomer("judge", folder)
    assert judged.returncode == 10
    assert judged.stdout.splitlines()[-1] == "0 of 10 mended"
    assert newcomer("end", folder).returncode == 0
    assert not folder.exists()


def test_the_report_tells_each_fault_and_repairs_mend_what_they_can(folder: Path) -> None:
    machine = made(folder)
    assert all(fault.mended(machine) for fault in FAULTS)
    told = {(row["id"], row["case"]) for row in diagnosed(machine)}
    assert told.isdisjoint(TOLD.values()), "all is well before"
    for fault in FAULTS:
        if fault.name in TOLD and fault.name not in ("state folder open to others", "agent stopped"):
            fault.make(machine)  # those two stand before the modules: they come after
    told = {(row["id"], row["case"]) for row in diagnosed(machine)}
    hidden = {TOLD["state folder open to others"], TOLD["agent stopped"]}
    assert set(TOLD.values()) - hidden <= told
    for fault in FAULTS:
        if fault.name in ("state folder open to others", "agent stopped"):
            fault.make(machine)
    rows = diagnosed(machine)
    assert hidden <= {(row["id"], row["case"]) for row in rows}
    assert sum(row["case"] == "failed" for row in rows) == 1, "one error is one red line, however many it stops"
    mendable = {row["id"] for row in rows if row["mendable"]}
    assert {"browsers.manifests", "agent.files"} <= mendable
    diagnosed(machine, "--mend", "--yes")
    diagnosed(machine, "--mend", "--yes")  # an agent does not start in an open folder: that is closed now
    mended = {fault.name for fault in FAULTS if fault.mended(machine)}
    assert mended >= {name for name, (identifier, _) in TOLD.items() if identifier in mendable} | {"agent stopped"}
