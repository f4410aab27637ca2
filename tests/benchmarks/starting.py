"""Starts: from nothing to the first answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent.tokens.pool import TokenPool
from agent.transport.client import LocalClient, PinChoice
from tests.benchmarks.figures import Figure
from tests.harness.softhsm import MODULE
from tests.harness.whole import PERO, Desk, end

COUNT = 11
START_GOAL = 350.0  # milliseconds


def figures(desk: Desk) -> Iterator[Figure]:
    """The desk has a token and a key file; no agent runs."""
    bare = _python(desk, "pass")
    yield Figure("pero --version", _ended(desk, str(PERO), "--version"), reference=bare)
    starts = [_start(desk) for _ in range(COUNT)]
    yield Figure("pero run to its first answer", starts, reference=_python(desk, "import aiohttp"), goal=START_GOAL)
    binding = _python(desk, "import PyKCS11")
    with _variables({"SOFTHSM2_CONF": desk.environment["SOFTHSM2_CONF"]}):
        listed = [asyncio.run(_worker([MODULE], desk.folder / "none")) for _ in range(COUNT)]
        yield Figure("SoftHSM worker to its listing", listed, reference=binding)
        listed = [asyncio.run(_worker([], desk.places.key_files)) for _ in range(COUNT)]
        yield Figure("key file worker to its listing", listed, reference=bare)


def _python(desk: Desk, program: str) -> Figure:
    return Figure(f"python -c '{program}'", _ended(desk, sys.executable, "-c", program))


def _ended(desk: Desk, *command: str) -> list[float]:
    """Milliseconds from the start of a program to its end."""

    def once() -> None:
        subprocess.run(command, env=desk.environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)

    once()
    return [_timed(once) for _ in range(COUNT)]


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1e3


def _start(desk: Desk) -> float:
    """`pero run`, until it has answered a command."""

    async def ask() -> None:
        client = await LocalClient.connect(desk.places.socket, PinChoice("window"))
        await client.call("status", {})
        client.close()

    begin = time.perf_counter()
    agent = desk.start_agent()
    asyncio.run(ask())
    taken = (time.perf_counter() - begin) * 1e3
    end(agent)
    return taken


async def _worker(modules: list[str], key_files: Path) -> float:
    pool = TokenPool(lambda: modules, key_files)
    begin = time.perf_counter()
    listing = await pool.listing()
    taken = (time.perf_counter() - begin) * 1e3
    await pool.close()
    assert listing.certificates, listing
    return taken


@contextlib.contextmanager
def _variables(more: Mapping[str, str]) -> Iterator[None]:
    """These in the environment of this process, for the workers that a pool starts."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
