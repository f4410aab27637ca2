"""The process of one window: ``python -m agent.desktop.windows.main DATA CONTROL [ahead]``, numbers of open sockets.

What to show comes as the first message on the data socket (``agent.desktop.messages``). A process that was started
ahead of need has the toolkit ready by then. It ends when the person has answered, when the agent says so, and when the
agent is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from agent.desktop import messages
from agent.ipc.hardening import be_called, die_with_parent, harden
from native_host import framing

if TYPE_CHECKING:
    from PySide6.QtCore import QMessageLogContext, QtMsgType


def main(arguments: list[str]) -> int:
    harden(secret=True)
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the agent, which takes the window away
    data, control = (socket.socket(fileno=int(argument)) for argument in arguments[:2])
    ahead = arguments[2:] == ["ahead"]
    show = None if ahead else first_message(data)
    if show is None and not ahead:
        return 0
    if sys.platform == "linux":
        os.environ.pop("QT_QPA_PLATFORM", None)  # some of its values show the window to nobody, or to the network
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            return unavailable(data, "no_display")
    try:
        from agent.desktop.windows import run
    except ImportError as error:
        return unavailable(data, str(error))
    install_message_handler(data)
    if show is None:
        run.make_ready()
        be_called("pero-waiting")
        show = first_message(data)
        be_called("pero-window")
    return run.run(show, data, control) if show is not None else 0


def first_message(data: socket.socket) -> messages.ToWindow | None:
    """What to show; None where the agent wants nothing any more."""
    payload = framing.read(data.recv, limit=messages.MAX_MESSAGE)
    return messages.decode_to_window(payload) if payload is not None else None


def unavailable(data: socket.socket, reason: str) -> int:
    """Tell the agent that no window can be shown; the exit status."""
    with contextlib.suppress(OSError):
        data.setblocking(True)
        data.sendall(framing.pack(messages.encode(messages.Unavailable(reason=reason))))
    return 1


def install_message_handler(data: socket.socket) -> None:
    """Qt ends the process where it finds no display; its reason is told to the agent before."""
    from PySide6.QtCore import QtMsgType, qInstallMessageHandler

    reasons: list[str] = []

    def handle(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        category = context.category or ""
        if category.startswith("qt.qpa"):
            reasons.append(message)
        if kind == QtMsgType.QtFatalMsg:
            os._exit(unavailable(data, reasons[0] if reasons else message))
        if category != "qt.accessibility.atspi":  # of no use to anybody who reads the log
            sys.stderr.write(f"window: {message}\n")

    qInstallMessageHandler(handle)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # everything is said; taking the toolkit apart would only keep the next prompt waiting
