"""The password of a time-stamp authority, in a file of its own."""

from __future__ import annotations

import os

from agent.ipc.files import open_regular
from agent.timestamp.web import Unreached

_MAX_PASSWORD = 4096  # octets


def read_password(path: str) -> str:
    """The first line of the file. Raises Unreached unless it is a file of this user (0600) or of the administrator
    (closed to all but one group), with a password in it."""
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            if _is_open(status):
                raise Unreached("password_file")
            line = file.read(_MAX_PASSWORD).split(b"\n", 1)[0].rstrip(b"\r")
            password = line.decode("utf-8")
    except (OSError, ValueError) as error:
        raise Unreached("password_file") from error
    if not password:
        raise Unreached("password_file")
    return password


def _is_open(status: os.stat_result) -> bool:
    """Whether others can read or change it. Windows says nothing of use here."""
    if not hasattr(os, "getuid"):
        return False
    if status.st_uid == os.getuid():
        return bool(status.st_mode & 0o077)
    return status.st_uid != 0 or bool(status.st_mode & 0o027)
