"""Asks for a PIN on the terminal: the asker's end of a PIN conversation (`ipc.pin`), answered from /dev/tty.

The line is read into a buffer of ours, with the echo off, and wiped after it was sent. The terminal's own buffers in
the kernel are not ours to wipe. An empty line cancels; Ctrl-C ends the whole command.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from agent.cli.context import Context
from agent.consent.new_pin import fits, passphrase_fault, weakness
from agent.errors import Refused, WindowUnavailable
from agent.ipc import pin
from agent.ipc.hardening import harden
from agent.ipc.pin import Ask, Failed, Purpose
from agent.texts.catalogue import plural, text
from agent.texts.errors import error_text
from native_host import framing

_TTY = "/dev/tty"
_LINE = 4096  # bytes that a terminal gives in one line
_INCORRECT = {
    "so_pin": "asking.so_pin_incorrect",
    "puk": "asking.so_pin_incorrect",
    "passphrase": "passphrase.incorrect",
}


@contextlib.contextmanager
def conversing(context: Context, question: str) -> Iterator[int]:
    """Answer the worker that holds the other end, whose descriptor this is, until the block ends.

    `question`: key of the wording of the prompt for the PIN; other secrets have wordings of their own.
    Raises WindowUnavailable where the process has no terminal.
    """
    terminal = Terminal()
    harden(secret=True)
    ours, workers = pin.conversation()
    asker = _Asker(context, question, terminal, ours)
    thread = threading.Thread(target=asker.converse, name="terminal", daemon=True)
    thread.start()
    try:
        yield workers.fileno()
    finally:
        asker.stop()
        thread.join()
        workers.close()
        ours.close()
        terminal.close()


def pick(context: Context, choices: Sequence[str], question: str) -> int:
    """Ask for one of the choices, which are shown with their numbers, until one of these or nothing is typed.

    `question`: key of the wording. Raises Refused, WindowUnavailable where there is no terminal.
    """
    with _answered_line_by_line() as terminal:
        for number, choice in enumerate(choices, 1):
            terminal.write(f"{number:>3}  {choice}\n")
        while True:
            terminal.write(context.text(question) + " ")
            answer = (terminal.read_line() or bytearray()).decode(errors="replace").strip()
            if not answer:
                raise Refused()
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return int(answer) - 1
            terminal.write(context.text("sign.no_such_number", number=len(choices)) + "\n")


def ask_line(question: str) -> str:
    """One line, which is shown as it is typed. Raises WindowUnavailable where there is no terminal."""
    with _answered_line_by_line() as terminal:
        terminal.write(question)
        return (terminal.read_line() or bytearray()).decode(errors="replace")


@contextlib.contextmanager
def _answered_line_by_line() -> Iterator[Terminal]:
    """Reading blocks the loop, in which nothing else runs now: so Ctrl-C has to end the reading itself."""
    terminal = Terminal()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield terminal
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.close()


class Terminal:
    """The controlling terminal of this process. Raises WindowUnavailable where there is none."""

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise WindowUnavailable(reason="no terminal")
        try:
            self._descriptor = os.open(_TTY, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise WindowUnavailable(reason="no terminal") from error

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, text.encode(errors="backslashreplace"))

    def read_line(self, others: tuple[int, ...] = ()) -> bytearray | None:
        """A line without its end; None where one of `others` became readable first, or the terminal is gone."""
        ready, _, _ = select.select([self._descriptor, *others], [], [])
        if any(other in ready for other in others):
            return None
        line = bytearray(_LINE)
        try:
            size = os.readv(self._descriptor, [line])
        except OSError:
            return None
        for index in range(size, len(line)):
            line[index] = 0
        del line[size:]
        while line.endswith((b"\n", b"\r")):
            del line[-1:]
        return line

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """No echo while the block runs; what was typed before it is thrown away."""
        import termios

        before: list[Any] = termios.tcgetattr(self._descriptor)
        quiet = before.copy()
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, before)
            self.write("\n")

    def close(self) -> None:
        os.close(self._descriptor)


class _Asker:
    def __init__(self, context: Context, question: str, terminal: Terminal, channel: socket.socket) -> None:
        self._context = context
        self._question = question
        self._terminal = terminal
        self._channel = channel
        self._changes = question.startswith("asking.old")
        self._stopped, self._stop = os.pipe()

    def converse(self) -> None:
        """Answer until the worker has what it wants, went away, or `stop` was called. Runs in a thread of its own."""
        try:
            while (said := self._heard()) is not None:
                if isinstance(said, Failed):
                    break
                if isinstance(said, Ask):
                    self._answer(said)
                elif said.default_pin and not self._changes:
                    self._terminal.write(self._context.text("asking.default_pin") + "\n")
        finally:
            os.close(self._stopped)

    def stop(self) -> None:
        os.close(self._stop)

    def _heard(self) -> pin.Said | None:
        """What the worker says next; what it said before `stop` is heard too."""
        ready, _, _ = select.select([self._channel.fileno(), self._stopped], [], [])
        if self._channel.fileno() not in ready:
            return None
        try:
            frame = framing.read(self._channel.recv)
            return None if frame is None else pin.decode_said(frame)
        except (OSError, framing.FrameError, msgspec.MsgspecError):
            return None

    def _answer(self, ask: Ask) -> None:
        for line in notices(ask, self._context.language):
            self._terminal.write(line + "\n")
        if ask.final_try and not self._dares():
            self._send(None)
            return
        if ask.protected_path:  # the reader asks; a wrong PIN is not tried again without the person
            again = ask.retry and not ask.final_try  # of the last try they had a word just now
            self._send(None if again else bytearray())
            return
        typed = self._new(ask) if ask.purpose == "new_pin" else self._typed(self._key(ask.purpose))
        if typed is not None:
            self._send(typed if typed else None)

    def _dares(self) -> bool:
        """The last try wants the whole word first."""
        word = self._context.text("asking.last_try_word")
        self._terminal.write(self._context.text("asking.last_try_sure", word=word) + " ")
        typed = self._terminal.read_line((self._channel.fileno(), self._stopped)) or bytearray()
        return typed.decode(errors="replace").strip().casefold() == word

    def _typed(self, key: str) -> bytearray | None:
        with self._terminal.hidden():
            self._terminal.write(self._context.text(key) + " ")
            return self._terminal.read_line((self._channel.fileno(), self._stopped))

    def _new(self, ask: Ask) -> bytearray | None:
        """A new PIN, typed twice; what is wrong with it is said, and it is asked for again. Empty: cancelled."""
        while True:
            typed = self._typed(self._key("new_pin"))
            if not typed:
                return typed
            fault = self._fault(typed, ask)
            if not fault:
                again = self._typed("asking.again")
                if again == typed or not again:
                    _wipe(again or bytearray())
                    return typed if again else again
                _wipe(again)
                fault = self._context.text("new_pin.differ")
            _wipe(typed)
            self._terminal.write(fault + "\n")

    def _fault(self, typed: bytearray, ask: Ask) -> str:
        """What is wrong with a new PIN, in words."""
        told = typed.decode(errors="replace")
        if not fits(told, ask.minimum, ask.maximum):
            kind = "new_passphrase" if self._question.endswith("passphrase") else "new_pin"
            return self._context.text(f"{kind}.length", minimum=ask.minimum, maximum=ask.maximum)
        if ask.names:  # a key file: whoever has it guesses as fast as a machine can
            return passphrase_fault(told, ask.names, self._context.language)
        weak = weakness(told)
        return self._context.text(f"new_pin.weak.{weak}") if weak else ""

    def _key(self, purpose: Purpose) -> str:
        if purpose == "pin" or (purpose == "passphrase" and self._question == "asking.old_passphrase"):
            return self._question
        if purpose == "new_pin" and self._question.endswith("passphrase"):
            return "asking.new_passphrase"
        return f"asking.{purpose}"

    def _send(self, typed: bytearray | None) -> None:
        """Send a PIN and wipe it, or a cancel. Too long a line is no PIN."""
        frame = bytearray(pin.encode_cancel())
        if typed is not None and len(typed) <= pin.MAX_PIN:
            frame = pin.encode_pin(typed)
        try:
            with contextlib.suppress(OSError):
                self._channel.sendall(frame)
        finally:
            _wipe(frame)
            _wipe(typed or bytearray())


def _wipe(buffer: bytearray) -> None:
    buffer[:] = bytes(len(buffer))


def notices(ask: Ask, language: str) -> list[str]:
    """What the person is told before the prompt: why it is asked again, and what the token says of its tries."""
    officer = ask.purpose in ("so_pin", "puk")
    lines = []
    if ask.error:
        lines.append(error_text(ask.error, language, ask.facts))
    elif ask.retry:
        lines.append(text(_INCORRECT.get(ask.purpose, "error.pin_incorrect.text"), language))
    if ask.final_try:
        lines.append(text("asking.so_final_try" if officer else "asking.final_try", language))
    elif ask.tries_left is not None:
        lines.append(plural("asking.tries_left", ask.tries_left, language))
    elif ask.count_low:
        lines.append(text("asking.count_low", language))
    if ask.protected_path:
        lines.append(text("asking.protected_path", language))
    return lines
