"""The worker as the agent sees it: started on need, given a deadline, gone when it fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, TypeAlias, cast

from agent.errors import DocumentTooComplex, from_name
from agent.pdf import messages
from agent.pdf.worker import MEMORY, SECONDS

DEADLINE = 2.0 * SECONDS  # of the clock on the wall; a busy machine takes longer than its processor's time

Performer: TypeAlias = Callable[[messages.Task], messages.Revision]


def once(task: messages.Task) -> messages.Revision:
    """The task in a process of its own. Blocks; raises DocumentTooComplex and what `signing.perform` raises."""
    with Worker() as worker:
        return worker(task)


class Worker:
    """A process that is kept for the next task: many documents, one start. For any number of threads, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __call__(self, task: messages.Task) -> messages.Revision:
        with self._lock:
            octets = self._ask(task)
            if octets is None:
                raise DocumentTooComplex(seconds=SECONDS, memory=MEMORY)
        match messages.answer(octets):
            case messages.Revision() as revision:
                return revision
            case messages.Failure(error, facts):
                raise from_name(error, facts)

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, task: messages.Task) -> bytes | None:
        """The answer; None where the process died of the task. One that had ended as idle is started again."""
        kept = self._process is not None
        octets = self._exchange(task)
        if octets is None:
            idle = kept and self._process is not None and self._process.wait() == 0
            self._end()
            return self._ask(task) if idle else None
        return octets

    def _exchange(self, task: messages.Task) -> bytes | None:
        process = self._process = self._process or _start()
        limit = threading.Timer(DEADLINE, process.kill)
        limit.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                messages.write(cast(IO[bytes], process.stdin), task)
                return messages.read(cast(IO[bytes], process.stdout))
            return None
        finally:
            limit.cancel()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()  # it holds nothing that would have to be put in order
            with contextlib.suppress(BrokenPipeError):
                process.__exit__(None, None, None)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "agent.pdf.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
