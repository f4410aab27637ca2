"""Pero's window as a process: one at a time, a client of the agent over a socket that it is born with.

It speaks the API in the role of a command; the PIN is asked for in windows of its own, as for every command. Its
arguments are the descriptor, the page and files. It is told to end; a window whose agent ended without a word stays,
and is adopted by the next agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.api.messages import notification
from agent.errors import WindowUnavailable
from agent.transport.channel import FrameChannel
from agent.transport.envelopes import wrapped
from native_host.framing import FrameError

START_DEADLINE = 30.0  # seconds until it must have said hello
TELL_DEADLINE = 5.0  # seconds in which it must take what it is told; one that does not is taken away
END_DEADLINE = 2.0  # seconds that it has to go away by itself
_COMMAND = ("-P", "-m", "agent.desktop.windows.desk.main")  # -P: never import from the folder that the agent runs in

Serve = Callable[[FrameChannel, bytes, tuple[int, ...]], Awaitable[None]]


class DeskProcess:
    """`serve` is what serves commands on the local socket; `environment` names the display."""

    def __init__(self, serve: Serve, environment: Mapping[str, str]) -> None:
        self._serve = serve
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._channel: FrameChannel | None = None
        self._serving: asyncio.Task[Any] | None = None
        self._turn = asyncio.Lock()

    async def open(self, page: str, files: tuple[str, ...] = ()) -> None:
        """Show a page; a window that is open comes to the front. Raises WindowUnavailable."""
        async with self._turn:
            if self._serving is not None and not self._serving.done() and self._channel is not None:
                with contextlib.suppress(ConnectionError, FrameError, TimeoutError):
                    told = notification("show_page", {"page": page, "files": list(files)})
                    async with asyncio.timeout(TELL_DEADLINE):
                        for payload in wrapped(told, None, "page"):
                            await self._channel.write(payload)
                    return
            await self._end()
            await self._start(page, files)

    def adopt(self, channel: FrameChannel) -> bool:
        """Take the window at the other end, which the running task is about to serve. False where there is one."""
        if self._turn.locked() or (self._serving is not None and not self._serving.done()):
            return False
        self._process, self._channel, self._serving = None, channel, asyncio.current_task()
        return True

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _start(self, page: str, files: tuple[str, ...]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_COMMAND,
                str(theirs.fileno()),
                page,
                *files,
                pass_fds=(theirs.fileno(),),
                env=dict(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            raise WindowUnavailable(reason=error.strerror or "not started") from error
        finally:
            theirs.close()
        channel = FrameChannel(ours)
        try:
            async with asyncio.timeout(START_DEADLINE):
                hello, _ = await channel.first_frame()
        except (TimeoutError, FrameError) as error:
            hello, reason = None, type(error).__name__
        else:
            reason = ""
        if hello is None:
            channel.close()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            status = await process.wait()
            raise WindowUnavailable(reason=reason or f"exit status {status}")
        self._process, self._channel = process, channel
        self._serving = asyncio.create_task(self._converse(channel, hello))

    async def _converse(self, channel: FrameChannel, hello: bytes) -> None:
        try:
            with contextlib.suppress(FrameError, ConnectionError):
                await self._serve(channel, hello, ())
        finally:
            channel.close()

    async def _end(self) -> None:
        if self._channel is not None:
            with contextlib.suppress(TimeoutError, OSError, FrameError):
                async with asyncio.timeout(END_DEADLINE):
                    for payload in wrapped(notification("end", {}), None, "end"):
                        await self._channel.write(payload)
            self._channel.stop_reading()
        if self._process is not None:
            try:
                async with asyncio.timeout(END_DEADLINE):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])
        self._process = self._channel = self._serving = None
