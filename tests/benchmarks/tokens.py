"""Signatures through a worker beside those of the same module in a loop of C, and the cost of the worker alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from agent.ipc.pin import PinSource
from agent.tokens import messages
from agent.tokens.many import ToSign
from agent.tokens.pool import TokenPool
from tests.benchmarks.figures import Figure
from tests.harness.places import ROOT, algorithm_of
from tests.harness.softhsm import MODULE, PIN, SoftHsm, make_softhsm

LOOP = ROOT / "build" / "tokens" / "loop"
ROUNDS = 5
ONCE, BATCH = 200, 1000  # signatures of a round
GOALS = {"rsa2048": 0.9, "p256": 0.5}  # of the loop's signatures a second, in a batch
_DIGEST = bytes(32)


def figures(folder: Path) -> Iterator[Figure]:
    for key in GOALS:
        (folder / key).mkdir()
        token = make_softhsm(folder / key, key)
        os.environ.update(token.environment)
        for way, count in (("once", ONCE), ("batch", BATCH)):
            loop, ours = asyncio.run(_beside(token, key, way, count, folder))
            reference = Figure(f"{key}, {way}: the loop in C", loop, "µs")
            goal = reference.median / GOALS[key] if way == "batch" else None
            yield Figure(f"{key}, {way}: through the worker", ours, "µs", reference=reference, goal=goal)
    yield asyncio.run(_round_trip(folder))


async def _beside(token: SoftHsm, key: str, way: str, count: int, folder: Path) -> tuple[list[float], list[float]]:
    """Microseconds for one signature: of each round of the loop and of ours, in turn."""
    pool = TokenPool(lambda: [MODULE], folder / "key-files")
    try:
        (entry,) = [one for one in (await pool.listing()).certificates if one.thumbprint == token.identity.thumbprint]
        loop, ours = [], []
        for _ in range(ROUNDS):
            loop.append(await asyncio.to_thread(_loop, token, key, way, count))
            begin = time.perf_counter()
            if way == "once":
                for _ in range(count):
                    await pool.sign(entry, algorithm_of(key), _DIGEST, _pin())
            else:
                signed = [one async for one in pool.sign_many(entry, algorithm_of(key), _jobs(count), _pin())]
                assert len(signed) == count
            ours.append((time.perf_counter() - begin) / count * 1e6)
        return loop, ours
    finally:
        await pool.close()


def _loop(token: SoftHsm, key: str, way: str, count: int) -> float:
    command = [str(LOOP), MODULE, token.label, "rsa" if key.startswith("rsa") else "ec", str(count), way]
    return float(subprocess.run(command, input=f"{PIN}\n".encode(), capture_output=True, check=True).stdout)


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
