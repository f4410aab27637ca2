"""The doctor of Pero's window, a process of its own: ``python -m agent.cli.doctor_main SOCKET``.

SOCKET is the number of an open socket on which the window speaks `doctor_messages`, framed as everywhere. What checks
take in memory, and what hangs, is not the window's and not the agent's; a repair may end both and start them anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import msgspec

from agent.cli import context as contexts
from agent.cli import doctor
from agent.desktop import doctor_messages, messages
from agent.errors import PeroError, WindowClosed
from agent.ipc.hardening import harden
from native_host import framing

if TYPE_CHECKING:
    from agent.cli.context import Context
    from agent.desktop.doctor_messages import Scope
    from agent.diagnostics.base import Finding


class WindowEnd:
    """The socket to the window."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def said(self) -> messages.FromWindow:
        """Raises WindowClosed."""
        try:
            header = await self._reader.readexactly(framing.HEADER)
            payload = await self._reader.readexactly(framing.length(header, limit=messages.MAX_MESSAGE))
            return messages.decode_from_window(payload)
        except (asyncio.IncompleteReadError, ConnectionError, framing.FrameError, msgspec.MsgspecError) as error:
            raise WindowClosed() from error

    async def tell(self, message: doctor_messages.ToDoctor) -> None:
        with contextlib.suppress(ConnectionError):
            self._writer.write(framing.pack(messages.encode(message), limit=messages.MAX_MESSAGE))
            await self._writer.drain()


async def serve(context: Context, connection: socket.socket) -> None:
    """Until the window closes the socket."""

    async def look(scope: Scope, told: doctor.Told) -> list[Finding]:
        return await doctor.look(context, (), scope, told)

    reader, writer = await asyncio.open_unix_connection(sock=connection)
    one = doctor.Doctor(context, WindowEnd(reader, writer), look)
    await one.serve()
    if one.mended_alone:
        await _bring_back(context)
    writer.close()


async def _bring_back(context: Context) -> None:
    """A repair that ended the agent ended its window too: the person finds the page again."""
    from agent.transport.client import LocalClient, PinChoice

    with contextlib.suppress(PeroError):
        client = await LocalClient.connect(context.locations.socket, PinChoice("window"))
        try:
            await client.call("open_desk", {"page": "diagnosis"})
        finally:
            client.close()


def main(arguments: list[str]) -> int:
    harden(secret=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the agent
    connection = socket.socket(fileno=int(arguments[0]))
    asyncio.run(serve(contexts.context_from(os.environ), connection))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
