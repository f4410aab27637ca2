"""Programs that the benchmark starts, one line of whose output says that they stand."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

from tests.harness.places import ROOT
from tests.harness.whole import end


def python(*arguments: str, environment: Mapping[str, str], pin: str | None = None) -> subprocess.Popen[bytes]:
    """The interpreter of this run, in the root of the project; `pin` is the first line of its standard input."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment},
        stdin=subprocess.DEVNULL if pin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if pin is not None:
        assert process.stdin is not None
        process.stdin.write(pin.encode() + b"\n")
        process.stdin.close()
        process.stdin = None
    return process


@contextlib.contextmanager
def listening(*arguments: str, environment: Mapping[str, str], pin: str | None = None) -> Iterator[int]:
    """A program that prints the port on which it listens."""
    process = python(*arguments, environment=environment, pin=pin)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"{' '.join(arguments)} did not start"
        yield int(line)
    finally:
        end(process)
