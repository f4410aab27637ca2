"""One window as a process: started for one prompt, spoken to in messages, ended with the prompt. No toolkit here."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import msgspec

from agent.desktop import messages
from agent.errors import PeroError, Refused, WindowClosed, WindowUnavailable
from agent.ipc import pin
from agent.ipc.descriptors import send_descriptor
from agent.ipc.pin import PinSource
from native_host import framing

START_DEADLINE = 30.0  # seconds until the window must be on the screen
END_DEADLINE = 2.0  # seconds that a window has to go away by itself
_COMMAND = ("-P", "-m", "agent.desktop.windows.main")  # -P: never import from the folder that the agent runs in

Answer = TypeVar(
    "Answer", messages.Allowed, messages.Confirmed, messages.Remedied, messages.Offering, messages.ChangePin
)


class WindowProcess:
    """An open window. Messages of the person stay in a queue until somebody asks for them."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        control: socket.socket,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._control = control
        self._ready = asyncio.get_running_loop().create_future()
        self._answers: asyncio.Queue[messages.FromWindow | PeroError] = asyncio.Queue()
        self._end: PeroError | None = None
        self._listening = asyncio.create_task(self._listen())

    @property
    def is_running(self) -> bool:
        """As far as it was heard: a process that broke off says no more."""
        return not self._listening.done() and self._process.returncode is None

    async def ready(self) -> None:
        """Wait until the window is on the screen. Raises WindowUnavailable."""
        try:
            async with asyncio.timeout(START_DEADLINE):
                await asyncio.shield(self._ready)
        except TimeoutError as error:
            raise WindowUnavailable(reason="timeout") from error

    async def answer(self, kind: type[Answer]) -> Answer:
        """The person's next answer. Raises Refused, WindowClosed. Nothing is lost when this is cancelled."""
        while True:
            said = await self.said()
            if isinstance(said, kind):
                return said

    async def said(self) -> messages.FromWindow:
        """The next thing that the window says, whatever it is. As `answer`."""
        if self._end is not None and self._answers.empty():
            raise self._end
        said = await self._answers.get()
        if isinstance(said, PeroError):
            self._end = said
            raise said
        return said

    async def tell(self, message: messages.ToWindow) -> None:
        """Say something to the window; one that is gone does not hear it, and `answer` tells so."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(framing.pack(messages.encode(message), limit=messages.MAX_MESSAGE))
            await self._writer.drain()

    def pin_source(self) -> PinSource:
        """Begin a PIN conversation: one end goes to the window, the other to whoever takes the source."""
        asker, worker = pin.conversation()
        with asker, contextlib.suppress(OSError):  # a window that is gone: the worker finds the channel at its end
            send_descriptor(self._control, messages.PIN_TAG, asker.fileno())
        return PinSource("conversation", worker.detach())

    async def close(self) -> None:
        """Take the window away, and see its process ended."""
        self._listening.cancel()
        if not self._ready.cancel() and not self._ready.cancelled():
            self._ready.exception()  # nobody else asks why it never appeared
        self._writer.close()
        self._control.close()
        try:
            async with asyncio.timeout(END_DEADLINE):
                await self._process.wait()
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            if not isinstance(error, TimeoutError):
                raise

    async def _listen(self) -> None:
        """Take what the window says until it says no more; then nothing but its end is left to tell."""
        ending: PeroError = WindowClosed()
        try:
            while True:
                header = await self._reader.readexactly(framing.HEADER)
                payload = await self._reader.readexactly(framing.length(header, limit=messages.MAX_MESSAGE))
                said = messages.decode_from_window(payload)
                if isinstance(said, messages.Unavailable):
                    ending = WindowUnavailable(reason=said.reason)
                elif isinstance(said, messages.Refused):
                    ending = Refused()
                elif not isinstance(said, messages.Ready):
                    self._answers.put_nowait(said)
                elif not self._ready.done():
                    self._ready.set_result(None)
        except (asyncio.IncompleteReadError, ConnectionError, framing.FrameError, msgspec.MsgspecError):
            pass  # whatever broke: the window is of no more use
        if not self._ready.done():
            status = await self._process.wait()
            told = isinstance(ending, WindowUnavailable | Refused)
            self._ready.set_exception(ending if told else WindowUnavailable(reason=_end_in_words(status)))
        self._answers.put_nowait(ending)


def _end_in_words(status: int) -> str:
    """How the process of a window that never appeared ended."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


@contextlib.asynccontextmanager
async def open_window(
    show: messages.Show, environment: Mapping[str, str], waiting: WindowProcess | None = None
) -> AsyncIterator[WindowProcess]:
    """A window that shows a prompt, for as long as the context lasts; in the process that is `waiting` for one, where
    that still can. Raises WindowUnavailable."""
    window = await _shown_by(waiting, show) if waiting is not None else None
    if window is None:
        window = await start_window(environment)
        try:
            await window.tell(show)
            await window.ready()
        except BaseException:
            await window.close()
            raise
    try:
        yield window
    finally:
        await window.close()


async def _shown_by(waiting: WindowProcess, show: messages.Show) -> WindowProcess | None:
    """None where it broke while it waited, as where its display went away: another one may do better, or say why."""
    try:
        await waiting.tell(show)
        await waiting.ready()
    except BaseException as error:
        await waiting.close()
        if isinstance(error, WindowUnavailable):
            return None
        raise
    return waiting


async def start_window(environment: Mapping[str, str], ahead: bool = False) -> WindowProcess:
    """The process of a window, which waits for what to show; `ahead`: it makes ready meanwhile.

    Raises WindowUnavailable.
    """
    data, window_data = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    control, window_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    passed = (window_data.fileno(), window_control.fileno())
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_COMMAND,
            *(str(descriptor) for descriptor in passed),
            *(["ahead"] if ahead else []),
            pass_fds=passed,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        data.close()
        control.close()
        raise WindowUnavailable(reason=error.strerror or "not started") from error
    except BaseException:
        data.close()
        control.close()
        raise
    finally:
        window_data.close()
        window_control.close()
    control.setblocking(False)
    try:
        reader, writer = await asyncio.open_unix_connection(sock=data)
    except BaseException:
        process.kill()
        control.close()
        data.close()
        raise
    return WindowProcess(process, reader, writer, control)
