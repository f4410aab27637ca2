"""The window's end of the doctor's process: `told` is what the doctor tells, `say` starts it where it does not run.

A doctor that does not heed a wish to stop (a driver holds it) is ended by force. `ended`: the process went by itself.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import msgspec
from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from agent.desktop import doctor_messages, messages
from native_host import framing

PATIENCE = 5000  # milliseconds that it has to stop when it is told to
_MODULE = "agent.cli.doctor_main"
_PART = 1 << 16  # bytes read at once


class DoctorLink(QObject):
    told = Signal(object)  # one of doctor_messages.ToDoctor
    ended = Signal()

    def __init__(self, parent: QObject, module: str = _MODULE) -> None:
        super().__init__(parent)
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._notifier: QSocketNotifier | None = None
        self._buffer = framing.FrameBuffer(limit=messages.MAX_MESSAGE)
        self._impatience = QTimer(self)
        self._impatience.setSingleShot(True)
        self._impatience.setInterval(PATIENCE)
        self._impatience.timeout.connect(self._end_by_force)

    @property
    def open(self) -> bool:
        """Whether a doctor is there who knows what was found."""
        return self._socket is not None

    def say(self, message: doctor_messages.FromDoctor) -> None:
        if self._socket is None:
            self._start()
        assert self._socket is not None  # noqa: S101 - made by _start
        if isinstance(message, doctor_messages.StopExamining):
            self._impatience.start()
        with contextlib.suppress(OSError):  # its end is heard by the notifier
            self._socket.setblocking(True)  # a few bytes: they fit into the socket's buffer
            self._socket.sendall(framing.pack(messages.encode(message)))

    def close(self) -> None:
        """Nobody here wants to hear more. A repair that was begun is ended all the same."""
        self._impatience.stop()
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._notifier = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.poll()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._module, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._buffer = framing.FrameBuffer(limit=messages.MAX_MESSAGE)
        self._socket = ours
        self._notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            part = self._socket.recv(_PART)
            for frame in self._buffer.feed(part):
                message = messages.decode_to_window(frame)
                if isinstance(message, doctor_messages.Examined | doctor_messages.Stopped):
                    self._impatience.stop()
                self.told.emit(message)
        except (OSError, framing.FrameError, msgspec.MsgspecError):
            part = b""
        if not part:
            self._gone()

    def _end_by_force(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self.close()
        self.ended.emit()
