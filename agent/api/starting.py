"""Whether the agent starts with the session of this user, and changing that. `environment` is os.environ's shape."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from agent.config import write_private
from agent.errors import FileUnwritable
from native_host import autostart


def supported() -> bool:
    return autostart.supported()


def path_of(environment: Mapping[str, str]) -> Path:
    return autostart.entry_path(environment, Path(environment.get("HOME") or Path.home()))


def is_set(environment: Mapping[str, str]) -> bool:
    """Whether there is an entry that starts this agent; another state folder's is none of ours."""
    try:
        return autostart.is_ours(path_of(environment).read_bytes(), environment)
    except OSError:
        return False


def write(environment: Mapping[str, str]) -> Path:
    """Raises FileUnwritable."""
    path = path_of(environment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    write_private(path, autostart.entry_content(environment))
    return path


def remove(environment: Mapping[str, str]) -> list[Path]:
    """What was removed: the entry where it starts this agent; another state folder's stays. Raises FileUnwritable."""
    path = path_of(environment)
    if not is_set(environment):
        return []
    try:
        path.unlink()
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    with contextlib.suppress(OSError):
        os.rmdir(path.parent)  # noqa: PTH106 - an empty folder of ours
    return [path]
