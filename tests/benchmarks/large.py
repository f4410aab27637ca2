"""Signatures of large files, beside what openssl takes to digest them, or to put them into a signature.

Goals are ratios of speed: 1 GiB detached at 0.9 of ``openssl dgst``, attached at 1.0 of ``openssl cms -sign -stream``,
256 MiB with Streebog at 1.0 of the gost engine. Memory is the peak of each process, beside its peak for a small file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.harness.gost_token import openssl_gost
from tests.harness.whole import PERO, Desk, end

SIZE, STREEBOG_SIZE = 1 << 30, 256 << 20  # bytes
COUNT = 5
Work = Callable[[], object]


def figures(desk: Desk) -> Iterator[Figure]:
    """The desk has a key file, whose thumbprint is its identity's; no agent runs."""
    file, small, out = desk.folder / "large", desk.folder / "small", desk.folder / "large.p7m"
    _fill(file, SIZE)
    small.write_bytes(b"small")
    certificate = desk.identity.thumbprint
    agent = desk.start_agent()
    try:
        yield from _pair(
            "pero sign, 1 GiB, detached", lambda: _sign(desk, file, out, certificate),
            "openssl dgst -sha256", lambda: _run("openssl", "dgst", "-sha256", file), 0.9,
        )  # fmt: skip
        yield Figure("  of it for 5 bytes", [_time(lambda: _sign(desk, small, out, certificate)) for _ in range(COUNT)])
        key = _signer(desk.folder)
        command = ("openssl", "cms", "-sign", "-binary", "-nodetach", "-stream", "-outform", "DER", "-signer", key)
        yield from _pair(
            "pero sign, 1 GiB, attached", lambda: _sign(desk, file, out, certificate, "--attached"),
            "openssl cms -sign -stream", lambda: _run(*command, "-in", file, "-out", out), 1.0,
        )  # fmt: skip
        yield from _memory(desk, agent.pid, small, file, out)
    finally:
        end(agent)
        file.unlink()
        out.unlink(missing_ok=True)
    desk.add_gost_token("gost256-A")
    agent = desk.start_agent()
    try:
        yield from _streebog(desk, file, out)
    finally:
        end(agent)
        file.unlink()


def _streebog(desk: Desk, file: Path, out: Path) -> Iterator[Figure]:
    _fill(file, STREEBOG_SIZE)
    listed = desk.pero("certificates", "--json")
    certificate = _gost_thumbprint(listed)
    yield from _pair(
        "pero sign, 256 MiB, Streebog", lambda: _sign(desk, file, out, certificate),
        "openssl dgst -md_gost12_256", lambda: openssl_gost("dgst", "-md_gost12_256", file), 1.0,
    )  # fmt: skip


def _gost_thumbprint(listed: str) -> str:
    rows = json.loads(listed)["certificates"]
    return next(str(row["thumbprint"]) for row in rows if "GOST" in row["key"])


def _pair(name: str, ours: Work, other: str, theirs: Work, speed: float) -> Iterator[Figure]:
    """One after the other, in turns; the goal is the ratio of speeds."""
    first, second = [], []
    for _ in range(COUNT):
        second.append(_time(theirs))
        first.append(_time(ours))
    reference = Figure(other, second)
    yield Figure(name, first, reference=reference, goal=reference.median / speed)
    ratio = reference.median / Figure(name, first).median
    yield Figure("  as a ratio of speeds", [ratio], unit=f"goal >= {speed}")


def _memory(desk: Desk, agent: int, small: Path, file: Path, out: Path) -> Iterator[Figure]:
    """Peaks while an attached signature is made: of the command, which copies, and of the agent, which reads."""
    certificate = desk.identity.thumbprint
    peaks = [_peak_of_command(desk, path, out, certificate) for path in (small, file)]
    yield Figure("command, 1 GiB attached", [peaks[1]], "MB", reference=Figure("command, 5 bytes", [peaks[0]]))
    yield Figure("agent, after all of it", [_peak(agent)], "MB")


def _peak_of_command(desk: Desk, path: Path, out: Path, certificate: str) -> float:
    reader, writer = os.pipe()
    os.write(writer, desk.pin.encode() + b"\n")
    os.close(writer)
    command = [PERO, "sign", path, "--attached", "--certificate", certificate, "-o", out, "--force"]
    process = subprocess.Popen(
        [*command, "--pin-fd", str(reader)], env=desk.environment, pass_fds=(reader,), stdout=subprocess.DEVNULL
    )
    os.close(reader)
    highest = 0.0
    done = threading.Event()
    while process.poll() is None:
        highest = max(highest, _peak(process.pid))
        done.wait(0.005)
    assert process.returncode == 0
    return highest


def _peak(process: int) -> float:
    """Megabytes; 0 of a process that ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def _signer(folder: Path) -> Path:
    """An RSA key and a certificate of it, in one file, for openssl."""
    path = folder / "signer.pem"
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path, "-out", path, "-subj", "/CN=x")
    return path


def _fill(path: Path, size: int) -> None:
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(piece)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _time(work: Work) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def _sign(desk: Desk, path: Path, out: Path, certificate: str, *more: str) -> None:
    desk.pero("sign", str(path), "--certificate", certificate, "-o", str(out), "--force", *more, pin=desk.pin)
