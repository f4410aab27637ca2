"""`pero diagnose` whole: three modules, a reader with a card; then one module hangs. What it peaks at, and its sizes.

Nobody is asked over the network: what that takes is the network's, within each source's own deadline.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.figures import Figure
from tests.harness.command_line import PERO, CommandLine
from tests.harness.gost_token import make_gost_token
from tests.harness.keyfiles import make_identity
from tests.harness.places import built_fault_module
from tests.harness.softhsm import MODULE, make_softhsm
from tests.harness.virtual_reader import virtual_readers

COUNT = 7
GOAL = 3000.0  # milliseconds
DEADLINE = 30.0  # seconds that a pool gives a module
HUNG_GOAL = (DEADLINE + 1) * 1e3  # milliseconds
_MEGA = 1e6


class Run(NamedTuple):
    milliseconds: float
    peak: float  # megabytes of the command alone, its workers are processes of their own
    output: bytes


def figures(folder: Path) -> list[Figure]:
    folder.mkdir(exist_ok=True)
    (folder / "softhsm").mkdir()
    (folder / "gost").mkdir()
    gost, softhsm = make_gost_token(folder / "gost", "p256"), make_softhsm(folder / "softhsm", "p256")
    faults, home = folder / "faults", folder / "line"
    home.mkdir()
    with virtual_readers() as readers, CommandLine(home) as pero:
        shim = {"PERO_FAULT_MODULE": MODULE, "PERO_FAULT_FILE": str(faults)}
        pero.environment |= readers.environment | gost.environment | softhsm.environment | shim
        pero.settings(modules=(built_fault_module(), gost.module))  # the third is OpenSC, for the reader
        card = readers.card({"authentication": make_identity("p256")})
        card.insert()
        try:
            return list(_measured(pero, faults))
        finally:
            card.close()


def _measured(pero: CommandLine, faults: Path) -> list[Figure]:
    start = [_run(pero, "--version").milliseconds for _ in range(COUNT)]
    runs = [_run(pero, "diagnose", "--json") for _ in range(COUNT)]
    page, bundle = pero.folder / "page.html", pero.folder / "bundle.zip"
    _run(pero, "diagnose", "--html", str(page))
    _run(pero, "diagnose", "--bundle", str(bundle), "--yes")
    with pero.agent():
        beside = [_run(pero, "diagnose", "--json").milliseconds for _ in range(COUNT)]
    faults.write_text("C_GetTokenInfo hang\n")
    hung = _run(pero, "diagnose", "--json").milliseconds
    alone = Figure("start of the command alone", start)
    return [
        Figure("full run, no agent", [run.milliseconds for run in runs], reference=alone, goal=GOAL),
        Figure("full run beside an agent", beside, reference=alone, goal=GOAL),
        Figure("full run while one module hangs", [hung], goal=HUNG_GOAL),
        Figure("peak of the command", [run.peak for run in runs], unit="MB"),
        Figure("page", [page.stat().st_size / 1e3], unit="kB"),
        Figure("JSON", [len(runs[-1].output) / 1e3], unit="kB"),
        Figure("support bundle", [bundle.stat().st_size / 1e3], unit="kB"),
    ]


def _run(pero: CommandLine, *arguments: str) -> Run:
    begin = time.perf_counter()
    process = subprocess.Popen(
        [PERO, *arguments], env=pero.environment, cwd=pero.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout as stream:
        output = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run((time.perf_counter() - begin) * 1e3, usage.ru_maxrss * 1024 / _MEGA, output)
