"""The native messaging host, started as a browser starts it, and asked for the agent's status."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import struct
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from native_host import framing
from native_host.manifests import CHROMIUM_EXTENSION, FIREFOX_EXTENSION, Family

Outcome = Literal["answers", "no_agent", "cannot_start", "ended", "silent", "nonsense"]
SECONDS = 3.0  # until it answered
_LENGTH = struct.Struct("=I")
_STATUS = {"message": {"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}}  # the extension's own question


class Reply(NamedTuple):
    outcome: Outcome
    detail: str = ""  # the system's reason, the exit status, the error's name


class Host(Protocol):
    async def ping(self, launcher: Path, family: Family) -> Reply: ...


class RealHost:
    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    async def ping(self, launcher: Path, family: Family) -> Reply:
        arguments = [f"chrome-extension://{CHROMIUM_EXTENSION}/"]
        if family == "firefox":
            arguments = [str(launcher), FIREFOX_EXTENSION]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                launcher,
                *arguments,
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            return Reply("cannot_start", error.strerror or "")
        try:
            async with asyncio.timeout(SECONDS):
                return await _asked(process)
        except TimeoutError:
            return Reply("silent")
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever a launcher left behind
            await process.wait()


async def _asked(process: asyncio.subprocess.Process) -> Reply:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("pipes")
    with contextlib.suppress(ConnectionError):
        process.stdin.write(framing.pack(json.dumps(_STATUS).encode()))
        await process.stdin.drain()
    while True:
        try:
            size = framing.length(await process.stdout.readexactly(_LENGTH.size))
            message = json.loads(await process.stdout.readexactly(size))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                return Reply("nonsense")
            return Reply("ended", str(await process.wait()))
        except (framing.FrameError, ValueError):
            return Reply("nonsense")
        reply = _meaning(message)
        if reply is not None:
            return reply


def _meaning(message: object) -> Reply | None:
    """None for what comes before the answer: the agent's greeting."""
    if not isinstance(message, dict):
        return Reply("nonsense")
    if isinstance(message.get("error"), dict):
        data = message["error"].get("data")
        name = str(data.get("name", "")) if isinstance(data, dict) else ""
        return Reply("no_agent" if name == "not_running" else "ended", name)
    answer = message.get("message")
    if isinstance(answer, dict) and isinstance(answer.get("result"), dict):
        return Reply("answers", str(answer["result"].get("version", "")))
    return None if answer is None else Reply("nonsense")
