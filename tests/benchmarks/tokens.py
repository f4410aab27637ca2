"""Signatures through a worker beside those of the same module in a loop of C, and the cost of the worker alone.

Elapsed times are of rounds in turn, the best of each: what else the machine does makes every round longer and none
shorter. Beside them stands the processor time of the worker, which limits the signatures a second where the agent has a
processor of its own, and of the loop (without its start).
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.ipc.pin import PinSource
from agent.tokens import messages
from agent.tokens.many import ToSign
from agent.tokens.pool import TokenPool
from tests.benchmarks.figures import Figure
from tests.harness.places import ROOT, algorithm_of
from tests.harness.softhsm import MODULE, PIN, SoftHsm, make_softhsm

LOOP = ROOT / "build" / "tokens" / "loop"
ROUNDS = 7
ONCE, BATCH = 200, 1000  # signatures of a round
GOALS = {"rsa2048": 0.9, "p256": 0.5}  # of the loop's signatures a second, in a batch
_DIGEST = bytes(32)


def figures(folder: Path) -> Iterator[Figure]:
    for key in GOALS:
        (folder / key).mkdir()
        token = make_softhsm(folder / key, key)
        os.environ.update(token.environment)
        for way, count in (("once", ONCE), ("batch", BATCH)):
            rounds = asyncio.run(_beside(token, key, way, count, folder))
            reference = Figure(f"{key}, {way}: the loop in C", [min(rounds.loop)], "µs")
            goal = reference.median / GOALS[key] if way == "batch" else None
            yield Figure(f"{key}, {way}: through the worker", [min(rounds.ours)], "µs", reference=reference, goal=goal)
            reference = Figure("that of the loop", [min(rounds.loop_processor)], "µs")
            spent = [min(rounds.processor)]
            yield Figure("  processor time of the worker", spent, "µs", reference=reference)
            yield Figure("  ratio of speeds, elapsed", [min(rounds.loop) / min(rounds.ours)], "")
            yield Figure("  ratio of speeds, processor time", [reference.median / spent[0]], "")
    yield asyncio.run(_round_trip(folder))


class _Rounds(NamedTuple):
    """Microseconds for one signature, of each round."""

    loop: list[float]
    loop_processor: list[float]
    ours: list[float]
    processor: list[float]  # of the worker


async def _beside(token: SoftHsm, key: str, way: str, count: int, folder: Path) -> _Rounds:
    """Of the loop and of ours, in turn."""
    pool = TokenPool(lambda: [MODULE], folder / "key-files")
    rounds = _Rounds([], [], [], [])
    try:
        (entry,) = [one for one in (await pool.listing()).certificates if one.thumbprint == token.identity.thumbprint]
        for _ in range(ROUNDS):
            _, start = await asyncio.to_thread(_loop, token, key, way, 0)
            elapsed, spent = await asyncio.to_thread(_loop, token, key, way, count)
            rounds.loop.append(elapsed)
            rounds.loop_processor.append((spent - start) / count * 1e6)
            begin, before = time.perf_counter(), _processor(pool)
            if way == "once":
                for _ in range(count):
                    await pool.sign(entry, algorithm_of(key), _DIGEST, _pin())
            else:
                signed = [one async for one in pool.sign_many(entry, algorithm_of(key), _jobs(count), _pin())]
                assert len(signed) == count
            rounds.ours.append((time.perf_counter() - begin) / count * 1e6)
            rounds.processor.append((_processor(pool) - before) / count * 1e6)
        return rounds
    finally:
        await pool.close()


def _processor(pool: TokenPool) -> float:
    """Seconds of processor time of the worker (proc(5), schedstat)."""
    (worker,) = pool.worker_processes().values()
    return int(Path(f"/proc/{worker}/schedstat").read_text().split()[0]) / 1e9


def _loop(token: SoftHsm, key: str, way: str, count: int) -> tuple[float, float]:
    """Microseconds for each signature, and seconds of processor time of the whole program."""
    command = [str(LOOP), MODULE, token.label, "rsa" if key.startswith("rsa") else "ec", str(count), way]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, input=f"{PIN}\n".encode(), capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _jobs(count: int) -> AsyncIterator[ToSign]:
    for _ in range(count):
        yield ToSign(_DIGEST)


def _pin() -> PinSource:
    ours, theirs = os.pipe()
    os.write(theirs, f"{PIN}\n".encode())
    os.close(theirs)
    return PinSource("descriptor", ours)


async def _round_trip(folder: Path) -> Figure:
    """A question that the worker answers without a call into the module."""
    pool = TokenPool(lambda: [MODULE], folder / "key-files")
    try:
        await pool.listing()
        worker = pool._known(MODULE)
        samples = []
        for _ in range(500):
            begin = time.perf_counter()
            await worker.call(messages.Look)
            samples.append((time.perf_counter() - begin) * 1e6)
    finally:
        await pool.close()
    return Figure("round trip to the worker, with the look at its slots", samples, "µs")
