"""The PC/SC service as this process finds it: contexts, readers and their states. No card is connected to."""

from __future__ import annotations

import asyncio
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from agent.diagnostics.probes.apart import apart
from agent.tokens import pcsc

Outcome = Literal["running", "no_library", "no_socket", "stopped", "refused", "failed"]
_SOCKET = "/run/pcscd/pcscd.comm"
_SECURITY_VIOLATION = 0x8010006A
_EMPTY, _EXCLUSIVE, _MUTE, _UNPOWERED = 0x10, 0x80, 0x200, 0x400  # SCARD_STATE_*
_TIMEOUT = 0x8010000A  # SCARD_E_TIMEOUT
VIEW_SECONDS = 10.0  # a service that is started by its socket looks for its readers first
SECONDS = 2.0  # to connect to the service's socket


class Reader(NamedTuple):
    name: str
    state: int  # dwEventState
    atr: bytes

    @property
    def empty(self) -> bool:
        return bool(self.state & _EMPTY)

    @property
    def exclusive(self) -> bool:
        """Another program has taken the card for itself."""
        return bool(self.state & _EXCLUSIVE)

    @property
    def mute(self) -> bool:
        """Something is in it that does not answer."""
        return bool(self.state & (_MUTE | _UNPOWERED))


class View(NamedTuple):
    outcome: Outcome
    code: int = 0  # SCARD_* where it failed
    readers: tuple[Reader, ...] = ()


class Cards(Protocol):
    async def view(self) -> View:
        """Asked once, however many checks want it."""
        ...


class PcscCards:
    """By the platform's library. `environment` may name another socket of pcscd."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket = environment.get("PCSCLITE_CSOCK_NAME") or _SOCKET
        self._asked: asyncio.Task[View] | None = None

    async def view(self) -> View:
        if self._asked is None:
            self._asked = asyncio.create_task(self._in_time())
        return await asyncio.shield(self._asked)

    async def _in_time(self) -> View:
        """A service that takes connections and answers nothing would hold whoever asks for ever."""
        try:
            async with asyncio.timeout(VIEW_SECONDS):
                return await apart(self._view)
        except TimeoutError:
            return View("failed", _TIMEOUT)

    def _view(self) -> View:
        try:
            library = pcsc.Library()
        except (OSError, AttributeError):
            return View("no_library")
        try:
            context = pcsc.Context(library)
        except pcsc.PcscError as error:
            return View(self._why(error.code), error.code)
        try:
            names = context.readers()
            states = context.wait(dict.fromkeys(names, pcsc.UNAWARE), 0) if names else {}
            return View("running", 0, tuple(Reader(name, state.raw, state.atr) for name, state in states.items()))
        except pcsc.PcscError as error:
            return View("failed", error.code)
        finally:
            context.close()

    def _why(self, code: int) -> Outcome:
        """A service that takes connections and gives no context refuses us: that is how polkit's no arrives."""
        if code == _SECURITY_VIOLATION:
            return "refused"
        if sys.platform != "linux":
            return "stopped" if code == pcsc.NO_SERVICE else "failed"
        try:
            there = stat.S_ISSOCK(Path(self._socket).stat().st_mode)
        except PermissionError:
            return "refused"
        except OSError:
            there = False
        if not there:
            return "no_socket"
        return _answers(self._socket)


def _answers(path: str) -> Outcome:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.connect(path)
        except PermissionError:
            return "refused"
        except OSError:
            return "stopped"
    return "refused"
