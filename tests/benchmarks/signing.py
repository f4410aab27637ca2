"""Signatures of a document of 1 KiB on SoftHSM, agreed to at once; our own share is the whole time without what the
PKCS#11 module took, call by call (tests/tokens/meter.c)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.benchmarks import clients, pages
from tests.benchmarks.figures import Figure
from tests.benchmarks.meter import Meter
from tests.benchmarks.processes import listening, python
from tests.benchmarks.raw_pkcs11 import COUNT as RAW_COUNT
from tests.benchmarks.requests import WARM_UP, sign_request
from tests.harness import softhsm
from tests.harness.keyfiles import make_identity
from tests.harness.whole import Desk

COUNT = 60
SHARE_GOAL = 1.0  # milliseconds
KEYS = {"rsa2048": "RSA-2048", "p256": "P-256"}


class Sample(NamedTuple):
    """One signature, in milliseconds."""

    total: float
    pkcs11: float

    @property
    def share(self) -> float:
        return self.total - self.pkcs11


class Token:
    """A fresh token with one key. The desk has the meter among its modules."""

    def __init__(self, desk: Desk, key: str) -> None:
        self.key = key
        folder = desk.folder / key
        folder.mkdir()
        self.made = softhsm.make_softhsm(folder, key, label=key, identity=make_identity(key, "Bench Signer"))
        self.meter = Meter(folder / "meter")
        self.environment = desk.environment | self.made.environment | self.meter.environment(softhsm.MODULE)

    @contextlib.contextmanager
    def agent(self) -> Iterator[int]:
        """An agent over this token whose person agrees at once; its loopback port."""
        with listening("-m", "tests.benchmarks.agent", environment=self.environment, pin=self.made.pin) as port:
            yield port


def raw(token: Token) -> Figure:
    """The fewest calls that make a signature, by PyKCS11, without Pero."""
    told = _json(token, "-m", "tests.benchmarks.raw_pkcs11", softhsm.MODULE, token.key)
    assert len(told) == RAW_COUNT
    return Figure("PyKCS11 alone", told)


def direct(token: Token) -> list[dict[str, float]]:
    """By the dispatcher of a composition, without a transport."""
    found: list[dict[str, float]] = _json(token, "-m", "tests.benchmarks.direct", str(COUNT))
    return found


def _json(token: Token, *arguments: str) -> Any:
    process = python(*arguments, environment=token.environment, pin=token.made.pin)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, arguments
    return json.loads(output)


async def loopback(token: Token, port: int, origin: str) -> list[Sample]:
    """By a raw WebSocket client."""

    async def work(ask: clients.Ask) -> list[Sample]:
        found = []
        for number in range(WARM_UP + COUNT):
            message = sign_request(number)
            before, begin = token.meter.total(), time.perf_counter()
            answer = await ask(message)
            total = (time.perf_counter() - begin) * 1e3
            assert '"signature"' in answer, answer
            found.append(Sample(total, token.meter.total().milliseconds - before.milliseconds))
        return found[WARM_UP:]

    found: list[Sample] = await clients.over_websocket(port, origin, work)
    return found


def extension(token: Token, desk: Desk) -> tuple[list[Sample], list[float]]:
    """By `pero.sign` in a page, timed there; and null calls among them, one at a time like these: a browser that was
    idle for a moment is slower than one that calls in a row."""
    page = desk.page()
    found, nothing = [], []
    for _ in range(WARM_UP + COUNT):
        before = token.meter.total()
        total = pages.time_one(page, pages.SIGN_CALL)
        found.append(Sample(total, token.meter.total().milliseconds - before.milliseconds))
        nothing.append(pages.time_one(page, pages.NULL_CALL))
    page.close()
    return found[WARM_UP:], nothing[WARM_UP:]


def figures(desk: Desk, key: str) -> Iterator[Figure]:
    """All of one key. The desk's browser is open, its own agent is not running."""
    token, name = Token(desk, key), KEYS[key]
    alone = raw(token)
    rows = direct(token)
    share = [row["total"] - row["pkcs11"] for row in rows]
    modules = Figure("all PKCS#11 calls of it", [row["pkcs11"] for row in rows])
    yield Figure(f"{name}, no transport, whole", [row["total"] for row in rows], reference=alone)
    yield Figure("  PKCS#11 calls of it", [row["pkcs11"] for row in rows], reference=alone)
    yield Figure("  number of PKCS#11 calls", [row["calls"] for row in rows], unit="")
    yield Figure("  our own share", share, reference=modules, goal=SHARE_GOAL)
    yield Figure("    of it the journal", [row["journal"] for row in rows], reference=disk(desk))
    rest = [own - row["journal"] for own, row in zip(share, rows, strict=True)]
    yield Figure("    of it the rest", rest, reference=round_trips())
    yield Figure("    processor time of our own", [row["processor"] for row in rows])
    base = Figure("the same, no transport", share)
    with token.agent() as port:
        samples = asyncio.run(loopback(token, port, desk.site.origin()))
        yield Figure(f"{name}, loopback, whole", [sample.total for sample in samples], reference=alone)
        yield Figure("  our own share", [sample.share for sample in samples], reference=base, goal=SHARE_GOAL)
        samples, nothing = extension(token, desk)
        transport = Figure("null calls among these", nothing)
        yield Figure(f"{name}, extension, whole", [sample.total for sample in samples], reference=alone)
        yield Figure("  our own share", [sample.share for sample in samples], reference=transport)


_DISK = """
import os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(file, bytes(1 << 16)); os.fsync(file)
for _ in range(60):
    begin = time.perf_counter()
    for _ in range(3):
        os.pwrite(file, os.urandom(4096), 0); os.fdatasync(file)
    print((time.perf_counter() - begin) * 1e3)
"""

_ROUNDS = """
import os, socket, time
ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    while theirs.recv(64):
        theirs.send(b"answer")
    os._exit(0)
theirs.close()
for _ in range(60):
    begin = time.perf_counter()
    for _ in range(3):
        ours.send(b"question"); ours.recv(64)
    print((time.perf_counter() - begin) * 1e3)
"""


def disk(desk: Desk) -> Figure:
    """What the disk takes to keep three times 4 KiB, as the journal does for each signature."""
    file = desk.places.state / "disk"
    figure = Figure("3 times 4 KiB and fdatasync", _printed(_DISK, str(file)))
    file.unlink()
    return figure


def round_trips() -> Figure:
    """What three questions to another process take: a signature asks for listing, signature and PIN."""
    return Figure("3 rounds to another process", _printed(_ROUNDS))


def _printed(program: str, *arguments: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True, text=True)
    return [float(line) for line in done.stdout.split()]
