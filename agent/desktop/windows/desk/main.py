"""The process of Pero's window: ``python -m agent.desktop.windows.desk.main SOCKET PAGE [FILE ...]``.

SOCKET is the number of an open socket on which the agent speaks its API. The process ends with its window, and when the
agent says so. Where the agent is gone without a word, the window waits for the next one.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

from agent.ipc.hardening import harden


def main(arguments: list[str]) -> int:
    harden(secret=True)  # it does not die with the agent: what was typed in it waits for the next one
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the agent
    connection = socket.socket(fileno=int(arguments[0]))
    page, files = arguments[1], arguments[2:]
    if sys.platform == "linux":
        os.environ.pop("QT_QPA_PLATFORM", None)  # some of its values show the window to nobody, or to the network
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            return 1
    try:
        from agent.desktop.windows.desk.window import run
    except ImportError as error:
        sys.stderr.write(f"window: {error}\n")
        return 1
    return run(connection, page, files)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # nothing is left to be kept; taking the toolkit apart would only take time
