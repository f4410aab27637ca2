"""The asker's side of a PIN conversation (``agent.ipc.pin``), driven by the toolkit's event loop."""

from __future__ import annotations

import contextlib
import select
import socket

import msgspec
from PySide6.QtCore import QObject, QSocketNotifier, Signal

from agent.ipc import pin
from native_host import framing

_PART = 4096  # bytes read at once


class PinConversation(QObject):
    """One conversation with a worker. `ended`: the channel is closed, whatever was or was not said before."""

    asked = Signal(pin.Ask)
    accepted = Signal(bool)  # whether the PIN is one that the vendor gives to every token
    failed = Signal(pin.Failed)
    ended = Signal()

    def __init__(self, channel: socket.socket, parent: QObject) -> None:
        super().__init__(parent)
        self._channel: socket.socket | None = channel
        self._buffer = framing.FrameBuffer(limit=_PART)
        self._notifier = QSocketNotifier(channel.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def give(self, secret: bytearray) -> None:
        """Send a PIN in UTF-8 (at most pin.MAX_PIN bytes); it is wiped here, and so is its frame."""
        frame = pin.encode_pin(secret)
        self._send(frame)
        wipe(frame)
        wipe(secret)

    def cancel(self) -> None:
        """The person gives no PIN; the conversation is over."""
        self._send(pin.encode_cancel())
        self.close()

    def close(self) -> None:
        self._notifier.setEnabled(False)
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _send(self, frame: bytes | bytearray) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):  # a worker that is gone: the agent will say so
                self._channel.sendall(frame)

    def drain(self) -> None:
        """Take what has come already."""
        while self._channel is not None and select.select([self._channel], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        if self._channel is None:
            return
        try:
            part = self._channel.recv(_PART)
            said = [pin.decode_said(frame) for frame in self._buffer.feed(part)]
        except (OSError, framing.FrameError, msgspec.MsgspecError):
            part, said = b"", []
        for sentence in said:
            self._tell(sentence)
        if not part:
            self.close()
            self.ended.emit()

    def _tell(self, sentence: pin.Said) -> None:
        if isinstance(sentence, pin.Ask):
            self.asked.emit(sentence)
        elif isinstance(sentence, pin.Accepted):
            self.accepted.emit(sentence.default_pin)
        else:
            self.failed.emit(sentence)


def wipe(buffer: bytearray) -> None:
    """Overwrite a buffer of ours. Copies that Python or the toolkit made are out of reach."""
    buffer[:] = bytes(len(buffer))
    buffer.clear()
