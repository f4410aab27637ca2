"""Exit codes of `pero`, the same for every command."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """`verify` answers with the first three, `journal verify` with the first two.

    `diagnose` answers as monitoring wants it: 0 well, 1 warnings, 2 errors.
    """

    OK = 0
    NEGATIVE = 1  # the command worked and its answer is no: signature invalid, chain broken
    UNDECIDED = 2  # the command worked and cannot tell
    FAILED = 3  # an error of the table in agent.errors
    USAGE = 64  # EX_USAGE of sysexits.h: the command line itself is wrong
    SOFTWARE = 70  # EX_SOFTWARE: a fault of Pero itself
    INTERRUPTED = 130  # 128 + SIGINT, as shells say it
    BROKEN_PIPE = 141  # 128 + SIGPIPE
