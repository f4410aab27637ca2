"""Where commands may write, in words."""

from __future__ import annotations

import errno
from pathlib import Path

from agent.api.writing import check_placeable
from agent.cli.context import Context
from agent.errors import FileUnwritable


def check_free(context: Context, target: Path, force: bool) -> None:
    """`check_placeable`, and where a file is in the way, how to have it overwritten. Raises FileUnwritable."""
    try:
        check_placeable(target, force)
    except FileUnwritable as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EEXIST:
            error.add_note(context.text("sign.exists"))
        raise
