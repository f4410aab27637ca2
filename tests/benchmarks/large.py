"""A detached signature of a file of 64 MiB, beside what openssl takes to digest it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

from tests.benchmarks.figures import Figure
from tests.harness.whole import Desk, end

SIZE = 64 << 20  # bytes
COUNT = 9


def figures(desk: Desk) -> Iterator[Figure]:
    """The desk has a key file, whose thumbprint is its identity's; no agent runs."""
    file, out = desk.folder / "large", desk.folder / "large.p7s"
    file.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
    small = desk.folder / "small"
    small.write_bytes(b"small")
    digests, whole, little = [], [], []
    agent = desk.start_agent()
    try:
        for _ in range(COUNT):
            digests.append(_openssl(str(file)))
            little.append(_sign(desk, str(small), str(out)))
            whole.append(_sign(desk, str(file), str(out)))
        yield Figure("pero sign, 64 MiB, detached", whole, reference=Figure("openssl dgst -sha256", digests))
        more = [large - small for large, small in zip(whole, little, strict=True)]
        yield Figure("  more than for 5 bytes", more, reference=Figure("openssl dgst -sha256", digests))
    finally:
        end(agent)
        file.unlink()


def _openssl(path: str) -> float:
    begin = time.perf_counter()
    subprocess.run(["openssl", "dgst", "-sha256", path], check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1e3


def _sign(desk: Desk, path: str, out: str) -> float:
    thumbprint = desk.identity.thumbprint
    begin = time.perf_counter()
    desk.pero("sign", path, "--certificate", thumbprint, "-o", out, "--force", pin=desk.pin)
    return (time.perf_counter() - begin) * 1e3
