"""A thousand documents in one batch: ``python -m tests.benchmarks.batch COUNT`` prints milliseconds for each document,
then milliseconds of processor time of the agent and of its worker for each. The best of the rounds counts, in turn with
the loop's: what else the machine does makes a round longer and none shorter.

The agent's own objects are composed, without a transport, in an environment whose token is the only one; the PIN is the
first line of standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from agent.app import Composition
from agent.config import locations, secure_folder
from agent.errors import PeroError
from agent.ipc.hardening import harden
from agent.model import Document
from agent.signing.batch_request import BatchRequest
from agent.signing.request import SignResult
from tests.benchmarks.agent import only_added_modules
from tests.benchmarks.figures import Figure
from tests.benchmarks.person import AtOnce
from tests.harness.places import ROOT
from tests.harness.softhsm import MODULE, PIN, make_softhsm

COUNT, ROUNDS = 1000, 5
KIB = 1024


def figures(folder: Path) -> list[Figure]:
    folder.mkdir()
    token = make_softhsm(folder, "rsa2048")
    environment = {**os.environ, **token.environment, "PERO_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "agent.cli.main", "modules", "add", MODULE]
    loop_command = [str(ROOT / "build" / "tokens" / "loop"), MODULE, token.label, "rsa", str(COUNT), "batch"]
    _run(command, environment)
    rounds, loop = [], []
    for _ in range(ROUNDS):
        loop.append(float(_run(loop_command, environment)) / 1e3)
        told = _run([sys.executable, "-m", "tests.benchmarks.batch", str(COUNT)], environment)
        rounds.append([float(number) for number in told.split()])
    reference = Figure("C_Sign in a loop in C, one login", [min(loop)])
    elapsed, agent, worker = (min(one[place] for one in rounds) for place in range(3))
    name, goal = f"{COUNT} documents of 1 KiB, RSA 2048, for each", reference.median / 0.8
    return [
        Figure(name, [elapsed], reference=reference, goal=goal),
        Figure("  ratio of speeds", [reference.median / elapsed], unit="goal >= 0.8"),
        Figure("  processor time of the worker, the slower of the two", [worker], reference=reference),
        Figure("  processor time of the agent, beside it", [agent]),
    ]


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, cwd=ROOT, input=f"{PIN}\n", capture_output=True, text=True, check=True
    )
    return done.stdout


async def measure(pin: str, count: int) -> tuple[float, float, float]:
    places = locations(os.environ)
    secure_folder(places.state)
    composition = Composition(os.environ, places, prompter=AtOnce(pin))
    documents = tuple(Document(f"{number}.txt", number.to_bytes(4) * (KIB // 4)) for number in range(count))
    results: dict[int, SignResult | PeroError] = {}
    request = BatchRequest(origin="https://bench.example", documents=documents)
    await composition.tokens.listing()  # its worker runs
    (worker,) = composition.tokens.worker_processes().values()
    begin, own, its = time.perf_counter(), time.process_time(), _processor(worker)
    await composition.services.signing.sign_batch(request, composition.prompter, results.__setitem__)
    spent = time.perf_counter() - begin, time.process_time() - own, _processor(worker) - its
    await composition.close()
    assert len(results) == count
    assert all(isinstance(one, SignResult) for one in results.values()), results[0]
    elapsed, agent, process = (one / count * 1e3 for one in spent)
    return elapsed, agent, process


def _processor(process: int) -> float:
    """Seconds of processor time (proc(5), schedstat)."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    harden(secret=False)
    only_added_modules()
    print(*asyncio.run(measure(sys.stdin.readline().rstrip("\n"), int(sys.argv[1]))))
