"""Signatures without a transport: ``python -m tests.benchmarks.direct COUNT`` composes the agent's objects, asks its
dispatcher, and prints the times as JSON. The PIN is the first line of standard input.

Beside each whole time stands what the PKCS#11 module took of it, what the journal took, and the processor time of the
agent and its worker without that of the module: a busy machine makes every wait longer, but this hardly.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.api.caller import Caller, Role
from agent.app import Composition
from agent.config import locations, secure_folder
from agent.ipc.hardening import harden
from tests.benchmarks.agent import only_added_modules
from tests.benchmarks.meter import Meter
from tests.benchmarks.person import AtOnce
from tests.benchmarks.requests import WARM_UP, sign_request

ORIGIN = "https://bench.example"


class _Stopwatch:
    """Adds up the time spent in calls."""

    def __init__(self) -> None:
        self.spent = 0.0  # milliseconds

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.spent += (time.perf_counter() - begin) * 1e3

        return timed


async def measure(pin: str, count: int) -> list[dict[str, float]]:
    places = locations(os.environ)
    secure_folder(places.state)
    composition = Composition(os.environ, places, prompter=AtOnce(pin))
    composition.services.origins.allow(ORIGIN, composition.services.now())
    caller = Caller(Role.PAGE, ORIGIN, "direct", composition.prompter)
    composition.dispatcher.opened(caller)
    meter = Meter(Path(os.environ["PERO_METER_FILE"]))
    journal = _Stopwatch()
    for name in ("begin", "note", "finish"):
        setattr(composition.journal, name, journal.around(getattr(composition.journal, name)))
    found = []
    for number in range(WARM_UP + count):
        message = sign_request(number)
        before, journal.spent, processor = meter.total(), 0.0, _processor(composition)
        begin = time.perf_counter()
        answer = await composition.dispatcher.handle(caller, message)
        total = (time.perf_counter() - begin) * 1e3
        assert "result" in json.loads(answer), answer
        processor = _processor(composition) - processor
        after = meter.total()
        found.append(
            {
                "total": total,
                "pkcs11": after.milliseconds - before.milliseconds,
                "calls": after.calls - before.calls,
                "journal": journal.spent,
                "processor": processor - (after.processor - before.processor),
            }
        )
    await composition.close()
    return found[WARM_UP:]


def _processor(composition: Composition) -> float:
    """Milliseconds of processor time of this process and of the workers (proc(5), schedstat)."""
    workers = composition.tokens.worker_processes().values()
    nanoseconds = sum(int(Path(f"/proc/{worker}/schedstat").read_text().split()[0]) for worker in workers)
    return time.process_time() * 1e3 + nanoseconds / 1e6


if __name__ == "__main__":
    harden(secret=False)
    only_added_modules()
    print(json.dumps(asyncio.run(measure(sys.stdin.readline().rstrip("\n"), int(sys.argv[1])))))
