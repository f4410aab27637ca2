"""Signatures of large files, beside what openssl takes to digest them, or to put them into a signature.

Goals are ratios of speed: 1 GiB detached at 0.9 of ``openssl dgst``, attached at 1.0 of ``openssl cms -sign -stream``,
256 MiB with Streebog at 1.0 of the gost engine. Memory is the peak of each process, beside its peak for a small file.

A command that starts, finds its key and signs takes its time for five bytes too: so each figure stands three times,
whole, as what the content alone takes (without the same command's time for a small file, on both sides), and as the
processor time that the content takes of all processes, which other programs hardly change. Elapsed times are the best
of the rounds, in turn. What is written is on the disk at the end, also openssl's.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.harness.gost_token import openssl_gost
from tests.harness.whole import PERO, Desk, end

SIZE, STREEBOG_SIZE = 1 << 30, 256 << 20  # bytes
COUNT = 4
Work = Callable[[Path], object]


def figures(desk: Desk) -> Iterator[Figure]:
    """The desk has a key file, whose thumbprint is its identity's; no agent runs."""
    file, small, out = desk.folder / "large", desk.folder / "small", desk.folder / "large.p7m"
    _fill(file, SIZE)
    small.write_bytes(b"small")
    certificate = desk.identity.thumbprint
    agent = desk.start_agent()
    try:
        yield from _pair(
            agent.pid, (file, small),
            "pero sign, 1 GiB, detached", lambda path: _sign(desk, path, out, certificate),
            "openssl dgst -sha256", lambda path: _run("openssl", "dgst", "-sha256", path), 0.9,
        )  # fmt: skip
        key = _signer(desk.folder)
        command = ("openssl", "cms", "-sign", "-binary", "-nodetach", "-stream", "-outform", "DER", "-signer", key)
        yield from _pair(
            agent.pid, (file, small),
            "pero sign, 1 GiB, attached", lambda path: _sign(desk, path, out, certificate, "--attached"),
            "openssl cms -sign -stream, sync", lambda path: _stream(command, path, out), 1.0,
        )  # fmt: skip
        yield from _memory(desk, agent.pid, small, file, out)
    finally:
        end(agent)
        file.unlink()
        out.unlink(missing_ok=True)
    desk.add_gost_token("gost256-A")
    agent = desk.start_agent()
    try:
        yield from _streebog(desk, agent.pid, (file, small), out)
    finally:
        end(agent)
        file.unlink()


def _streebog(desk: Desk, agent: int, files: tuple[Path, Path], out: Path) -> Iterator[Figure]:
    _fill(files[0], STREEBOG_SIZE)
    listed = desk.pero("certificates", "--json")
    certificate = _gost_thumbprint(listed)
    yield from _pair(
        agent, files,
        "pero sign, 256 MiB, Streebog", lambda path: _sign(desk, path, out, certificate),
        "openssl dgst -md_gost12_256", lambda path: openssl_gost("dgst", "-md_gost12_256", path), 1.0,
    )  # fmt: skip


def _gost_thumbprint(listed: str) -> str:
    rows = json.loads(listed)["certificates"]
    return next(str(row["thumbprint"]) for row in rows if "GOST" in row["key"])


def _pair(
    agent: int, files: tuple[Path, Path], name: str, ours: Work, other: str, theirs: Work, speed: float
) -> Iterator[Figure]:
    """Both on the large file and the small one, in turns; the goal is the ratio of speeds of the content alone."""
    rounds = [[_spent(agent, work, path) for path in files for work in (theirs, ours)] for _ in range(COUNT)]
    (their_time, our_time, their_start, our_start), (their_cpu, our_cpu, their_cpu0, our_cpu0) = (
        [min(one[place][kind] for one in rounds) for place in range(4)] for kind in (0, 1)
    )
    yield Figure(f"{name}, whole", [our_time], reference=Figure(other, [their_time]))
    yield Figure("  of it for 5 bytes", [our_start], reference=Figure("the same", [their_start]))
    alone = Figure("the same", [their_time - their_start])
    mine = Figure("  the content alone", [our_time - our_start], reference=alone, goal=round(alone.median / speed, 1))
    yield mine
    yield Figure("  as a ratio of speeds", [alone.median / mine.median], unit=f"goal >= {speed}")
    processor = Figure("the same", [their_cpu - their_cpu0])
    yield Figure("  processor time of the content", [our_cpu - our_cpu0], reference=processor)
    yield Figure("  as a ratio", [processor.median / (our_cpu - our_cpu0)], unit="")


def _spent(agent: int, work: Work, path: Path) -> tuple[float, float]:
    """Milliseconds, and those of processor time, of the agent and of what ran and ended."""
    before, children = _processor(agent), resource.getrusage(resource.RUSAGE_CHILDREN)
    elapsed = _time(lambda: work(path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return elapsed, _processor(agent) - before + ended * 1e3


def _processor(process: int) -> float:
    """Milliseconds of processor time of all threads, also of those that ended (proc(5), stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


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


def _stream(command: Sequence[str | Path], path: Path, out: Path) -> None:
    """To the disk, as ours does."""
    _run(*command, "-in", path, "-out", out)
    _run("sync", out)


def _fill(path: Path, size: int) -> None:
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(piece)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _time(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def _sign(desk: Desk, path: Path, out: Path, certificate: str, *more: str) -> None:
    desk.pero("sign", str(path), "--certificate", certificate, "-o", str(out), "--force", *more, pin=desk.pin)
