"""The native messaging host: copies frames between the browser and the agent, and understands none of them.

The browser starts it through the launcher that `pero setup` wrote, which names the agent's socket. The first frame to
the agent says who speaks: ``{"hello": {"role": "native_host", "protocol": 1, "arguments": [...]}}``, with the arguments
as the browser gave them. The agent's answer to it is copied like every frame after it.

Where the agent cannot be reached the browser gets one frame ``{"error": {...}}`` and the host ends; the host never
starts an agent. It also ends when either side does. Standard library only: it starts in 20 ms.

Runs on systems with local sockets and descriptors (run on Linux; macOS not run; Windows needs a named pipe instead,
which does not exist yet: there every browser is told that the agent does not run).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Callable

from native_host import framing

PROTOCOL = 1
STDIN, STDOUT = 0, 1

# name: code, actor, retriable; the rows of agent.errors that a native host needs (a test compares them)
ERRORS = {
    "message_too_large": (1009, "page", False),
    "state_unsafe": (4003, "administrator", False),
    "not_running": (4009, "person", True),
    "connection_lost": (5006, "page", True),
}


_writing = threading.Lock()  # both threads may write to the browser; frames stay whole


class Unsafe(Exception):
    """The socket, its folder or the process behind it is not of this user."""


def main(path: str) -> None:
    """Relay between this process's standard streams and the agent's socket at `path`, until one of them ends."""
    try:
        agent = connect(path)
    except Unsafe as error:
        _send_error("state_unsafe", path=os.path.dirname(path), reason=str(error))  # noqa: PTH120 - pathlib costs 5 ms
        return
    except OSError:
        _send_error("not_running")
        return
    answers = threading.Thread(target=_from_agent, args=(agent,), daemon=True)
    answers.start()
    _from_browser(agent, answers)


def connect(path: str) -> socket.socket:
    """The agent's socket. Raises Unsafe where anybody else could stand behind it, OSError where nobody does."""
    _check_folder(os.path.dirname(path))  # noqa: PTH120
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("no local sockets on this system")
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        agent.connect(path)
        _check_peer(agent)
    except (OSError, Unsafe):
        agent.close()
        raise
    return agent


def _check_peer(agent: socket.socket) -> None:
    """Who listens must be this user (Linux; elsewhere the closed folder is what holds)."""
    if sys.platform != "linux":
        return
    credentials = agent.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, user, _group = struct.unpack("3i", credentials)
    if user != os.getuid():
        raise Unsafe("served by another user")


def _check_folder(folder: str) -> None:
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise Unsafe("not a folder")
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise Unsafe("owned by another user")
    if hasattr(os, "getuid") and status.st_mode & 0o077:
        raise Unsafe("open to other users")


def _hello(arguments: list[str]) -> bytes:
    return json.dumps({"hello": {"role": "native_host", "protocol": PROTOCOL, "arguments": arguments}}).encode()


def _from_browser(agent: socket.socket, answers: threading.Thread) -> None:
    """Say hello, then copy frames until the browser closes our standard input, which is how it ends a host."""
    try:
        agent.sendall(framing.pack(_hello(sys.argv[1:])))
        _copy(lambda size: os.read(STDIN, size), agent.sendall)
    except framing.FrameError:
        _send_error("message_too_large", limit=framing.MAX_FRAME)
    except OSError:
        answers.join()  # the agent went away: the other thread reads what it still said, tells the browser and ends


def _from_agent(agent: socket.socket) -> None:
    try:
        with contextlib.suppress(framing.FrameError, OSError):
            _copy(agent.recv, _to_browser)
        _send_error("connection_lost")
    finally:
        os._exit(0)  # the main thread stands in a read of standard input that nothing else ends


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    while (payload := framing.read(read)) is not None:
        write(framing.pack(payload))


def _send_error(name: str, **facts: str | int) -> None:
    code, actor, retriable = ERRORS[name]
    content = {"name": name, "actor": actor, "retriable": retriable, "facts": facts}
    _to_browser(framing.pack(json.dumps({"error": {"code": code, "message": name, "data": content}}).encode()))


def _to_browser(frame: bytes) -> None:
    rest = memoryview(frame)
    with _writing:
        while rest:
            rest = rest[os.write(STDOUT, rest) :]
