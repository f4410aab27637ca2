"""Streebog by each provider beside `openssl dgst` with the gost engine, and verification over each parameter set.

Processor time, since nothing is waited for here and other programs would be measured too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agent.certificates import gost_keys
from agent.gost import curves, digest
from tests.benchmarks.figures import Figure
from tests.harness.gost import KEYS, Gost

SIZE = 256 << 20  # bytes of the file
SLOW = 256 << 10  # bytes that plain Python is given
COUNT = 3
SIGNATURES = 30


def streebog(folder: Path) -> Iterator[Figure]:
    """Milliseconds for a file of 256 MiB, read in pieces of 1 MiB. Goal: as quick as openssl."""
    gost, file = Gost(folder), folder / "large"
    file.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
    here = [(one.name, digest.load(one)) for one in digest.PROVIDERS if one.limit is None]
    try:
        for name, engine in (("streebog256", "-md_gost12_256"), ("streebog512", "-md_gost12_512")):
            references, found = [], {provider: [] for provider, maker in here if maker}
            for _ in range(COUNT):  # in turn, since the machine's pace changes
                references.append(_timed(partial(gost.openssl, "dgst", engine, file)))
                for provider, maker in here:
                    if maker:
                        size = digest.SIZES[name]
                        found[provider].append(_timed(partial(_digest, maker(size), file)))
            reference = Figure(f"openssl dgst {engine}", references)
            for provider, samples in found.items():
                yield Figure(
                    f"{name}, 256 MiB, {provider}", samples, reference=reference, goal=round(reference.median, 1)
                )
                yield Figure("  speed", [SIZE / one / 1e3 for one in samples], unit="MB/s")
            yield from _slow(name)
    finally:
        file.unlink()


def _slow(name: str) -> Iterator[Figure]:
    maker = digest.load(digest.PROVIDERS[-1])
    assert maker is not None
    content, samples = bytes(SLOW), []
    for _ in range(COUNT):
        running = maker(digest.SIZES[name])
        samples.append(SLOW / _timed(partial(running.update, content)) / 1e3)
    yield Figure(f"{name}, plain Python", samples, unit="MB/s")


def _digest(running: digest.Running, file: Path) -> bytes:
    with file.open("rb", buffering=0) as opened:
        while piece := opened.read(1 << 20):
            running.update(piece)
    return running.digest()


def verification(folder: Path) -> Iterator[Figure]:
    """Milliseconds of one right signature, by a key that is loaded."""
    gost = Gost(folder)
    for kind in KEYS:
        holder = gost.root(kind)
        key = gost_keys.read_key(holder.description.public_key)
        assert key is not None
        curve = key.parameters.curve
        hashed = os.urandom(curve.size)
        signature = gost.value(holder, hashed)
        point = curves.public_key(curve, key.octets)
        assert curves.verify(point, hashed, signature)
        samples = [_timed(partial(curves.verify, point, hashed, signature)) for _ in range(SIGNATURES)]
        name = f"{key.parameters.name}, {8 * curve.size} bits"
        yield Figure(f"verify, {name}", samples, goal=50)


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds of processor time, of this process and of those that ended in it."""
    begin = _spent()
    work()
    return (_spent() - begin) * 1e3


def _spent() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
