"""The PDF worker's process: reads strangers' documents within bounds of time and memory, and writes revisions.
``python -m agent.pdf.worker SECONDS MEMORY``: processor time for one task, bytes of address space.

Tasks come through standard input, answers leave through standard output; it ends with its input, or when it was idle
for long. It has no secret, no network and no file but a font. What hangs or eats memory ends here, and the agent lives
on; nor has the agent to hold pyHanko, which takes 40 MB. It does not die with its parent (`die_with_parent`), for the
kernel means the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys

from agent.errors import DocumentTooComplex, PeroError
from agent.ipc.hardening import harden
from agent.pdf import messages

IDLE = 60.0  # seconds without a task after which the process ends


def main(seconds: int, memory: int) -> None:
    harden(secret=False)
    # Nothing that a library prints may get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from agent.pdf.signing import perform  # takes 200 ms

    _limit("RLIMIT_AS", memory)
    _limit("RLIMIT_FSIZE", 0)
    tasks = os.fdopen(0, "rb", closefd=False)
    while _has_task() and (octets := messages.read(tasks)) is not None:
        _limit_time(seconds)
        try:
            found: messages.Answer = perform(messages.task(octets))
        except PeroError as error:
            found = messages.Failure(error.name, error.facts)
        except MemoryError:
            found = messages.Failure(DocumentTooComplex.name, {"seconds": seconds, "memory": memory})
        with contextlib.suppress(BrokenPipeError):
            messages.write(answers, found)
        del octets, found


def _has_task() -> bool:
    """False when nobody wanted anything for long. A pipe of Windows cannot be waited for with a limit."""
    return sys.platform == "win32" or bool(select.select([0], [], [], IDLE)[0])


def _limit(kind: str, value: int) -> None:
    """Lower one limit of this process (setrlimit(2)); Windows has none, and there only the agent's deadline holds."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):
            number = getattr(resource, kind)
            resource.setrlimit(number, (value, resource.getrlimit(number)[1]))


def _limit_time(seconds: int) -> None:
    """SIGXCPU ends the process when this task has taken its processor time."""
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit("RLIMIT_CPU", int(used.ru_utime + used.ru_stime) + seconds + 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
