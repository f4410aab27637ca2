"""The worker as the agent sees it: started on need, given a deadline, gone when it fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, TypeAlias, cast

from agent.errors import DocumentTooComplex, from_name
from agent.ipc.stopping import ended_by
from agent.pdf import messages

SECONDS = 30  # of processor time for one task
MEMORY = 1 << 30  # bytes of address space; what the libraries need is 200 MiB, and of a document there are some copies
_PATIENCE = 3.0  # of the clock on the wall to processor time: the machine may be busy

Performer: TypeAlias = Callable[[messages.Change], messages.Revision]


def once(task: messages.Change) -> messages.Revision:
    """The task in a process of its own. Blocks; raises DocumentTooComplex, what `signing.perform` raises, and Cancelled
    where nobody waits any more."""
    with Worker() as worker:
        return worker(task)


def read(document: bytes, seconds: int = 2 * SECONDS) -> messages.Signatures:
    """The signatures in a document. Blocks; raises DocumentDamaged, DocumentEncrypted, DocumentTooComplex."""
    with Worker(seconds) as worker:
        return worker.read(messages.Read(document))


class Worker:
    """A process that is kept for the next task: many documents, one start. For any number of threads, one at a time.

    `seconds` is processor time for one task, `memory` bytes of address space.
    """

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __call__(self, task: messages.Change) -> messages.Revision:
        answer = self._answer(task)
        if not isinstance(answer, messages.Revision):
            raise TypeError(answer)
        return answer

    def read(self, task: messages.Read) -> messages.Signatures:
        answer = self._answer(task)
        if not isinstance(answer, messages.Signatures):
            raise TypeError(answer)
        return answer

    def _answer(self, task: messages.Task) -> messages.Revision | messages.Signatures:
        with self._lock:
            octets = self._ask(task)
            if octets is None:
                raise DocumentTooComplex(seconds=self._seconds, memory=self._memory)
        answer = messages.answer(octets)
        if isinstance(answer, messages.Failure):
            raise from_name(answer.error, answer.facts)
        return answer

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, task: messages.Task) -> bytes | None:
        """The answer; None where the process died of the task. One that was gone already is started again."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        kept = self._process is not None
        octets = self._exchange(task)
        if octets is None:
            idle = kept and self._process is not None and self._process.wait() == 0
            self._end()
            return self._ask(task) if idle else None
        return octets

    def _exchange(self, task: messages.Task) -> bytes | None:
        process = self._process = self._process or _start(self._seconds, self._memory)
        limit = threading.Timer(self._seconds * _PATIENCE, process.kill)
        limit.start()
        try:
            with ended_by(process.kill), contextlib.suppress(BrokenPipeError):
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


def _start(seconds: int, memory: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "agent.pdf.worker", str(seconds), str(memory)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
