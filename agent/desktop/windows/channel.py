"""The window's end of the two sockets to the agent."""

from __future__ import annotations

import contextlib
import socket

import msgspec
from PySide6.QtCore import QObject, QSocketNotifier, Signal

from agent.desktop import doctor_messages, messages
from agent.ipc.descriptors import receive_descriptor
from native_host import framing

_PART = 1 << 16  # bytes read at once


class Channel(QObject):
    """Messages of the agent as signals. `gone`: the agent ended, or spoke nonsense; there is nobody to talk to."""

    failed = Signal(messages.Failed)
    unreached = Signal(messages.Unreached)
    done = Signal()
    offered = Signal(messages.Offer)
    document = Signal(messages.ShowDocument)
    progressed = Signal(messages.Progressed)
    doctor = Signal(object)  # one of doctor_messages.ToDoctor
    pin_conversation = Signal(socket.socket)  # the receiver owns it
    gone = Signal()

    def __init__(self, data: socket.socket, control: socket.socket) -> None:
        super().__init__()
        self._data = data
        self._control = control
        self._buffer = framing.FrameBuffer(limit=messages.MAX_MESSAGE)
        self._notifiers = [
            self._watch(data, self._read_data),
            self._watch(control, self._read_control),
        ]

    def send(self, message: messages.FromWindow) -> None:
        """Say something to the agent; an agent that is gone does not hear it."""
        with contextlib.suppress(OSError):
            self._data.setblocking(True)  # a few bytes: they fit into the socket's buffer
            self._data.sendall(framing.pack(messages.encode(message)))

    def _watch(self, watched: socket.socket, read: object) -> QSocketNotifier:
        notifier = QSocketNotifier(watched.fileno(), QSocketNotifier.Type.Read, self)
        notifier.activated.connect(read)
        return notifier

    def _read_data(self) -> None:
        try:
            part = self._data.recv(_PART)
            for frame in self._buffer.feed(part):
                self._take(messages.decode_to_window(frame))
        except (OSError, framing.FrameError, msgspec.MsgspecError):
            part = b""
        if not part:
            self._stop()

    def _take(self, message: messages.ToWindow) -> None:
        if isinstance(message, messages.Failed):
            self.failed.emit(message)
        elif isinstance(message, messages.Unreached):
            self.unreached.emit(message)
        elif isinstance(message, messages.Done):
            self.done.emit()
        elif isinstance(message, messages.Offer):
            self.offered.emit(message)
        elif isinstance(message, messages.ShowDocument):
            self.document.emit(message)
        elif isinstance(message, messages.Progressed):
            self.progressed.emit(message)
        elif isinstance(message, doctor_messages.ToDoctor) and not isinstance(message, doctor_messages.ShowDoctor):
            self.doctor.emit(message)

    def _read_control(self) -> None:
        try:
            received = receive_descriptor(self._control)
        except OSError:
            received = None
        if received is None:
            self._notifiers[1].setEnabled(False)
            return
        tag, descriptor = received
        end = socket.socket(fileno=descriptor)
        if tag == messages.PIN_TAG:
            self.pin_conversation.emit(end)
        else:
            end.close()

    def _stop(self) -> None:
        for notifier in self._notifiers:
            notifier.setEnabled(False)
        self.gone.emit()
