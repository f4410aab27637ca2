"""Proxy scripts (PAC) that browsers and the desktop are told to use, and what they say of this machine itself."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from agent.diagnostics.probes.apart import apart
from agent.timestamp.web import Unreached, Web

PROGRAM = "agent.desktop.windows.pac"
SECONDS = 5.0  # for one script: a cold start of the engine takes one
FETCH_SECONDS = 2.0
_LIMIT = 1 << 20  # bytes of a script
_PROXY = re.compile(r"^\s*(PROXY|SOCKS|SOCKS4|SOCKS5|HTTP|HTTPS)\s+(\S+)", re.IGNORECASE)
_GNOME = "org.gnome.system.proxy"


class Verdict(NamedTuple):
    """`proxy` is the first that the script names for an address; empty: it leads there directly."""

    outcome: str  # "said", "unreachable", "nonsense"
    proxy: str = ""


class Scripts(Protocol):
    async def desktop(self) -> str:
        """The address of the script that the desktop is told to use; empty: none, or none is known."""
        ...

    async def verdict(self, script: str, address: str) -> Verdict:
        """What the script at an address says of another one."""
        ...


class RealScripts:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def desktop(self) -> str:
        """GNOME's setting, which other desktops and browsers read too."""
        if shutil.which("gsettings", path=self._environment.get("PATH")) is None:
            return ""
        mode = await self._told("gsettings", "get", _GNOME, "mode")
        if mode.strip().strip("'") != "auto":
            return ""
        return (await self._told("gsettings", "get", _GNOME, "autoconfig-url")).strip().strip("'")

    async def verdict(self, script: str, address: str) -> Verdict:
        try:
            content = await self._content(script)
        except (OSError, ValueError, Unreached):
            return Verdict("unreachable")
        told = await self._told(sys.executable, "-P", "-m", PROGRAM, address, data=content)
        if not told:
            return Verdict("nonsense")
        first = _PROXY.match(told.partition(";")[0])
        return Verdict("said", first[2] if first else "")

    async def _content(self, script: str) -> bytes:
        """Raises OSError, ValueError, Unreached."""
        parts = urlsplit(script)
        if parts.scheme == "file":
            async with asyncio.timeout(FETCH_SECONDS):  # it may be a pipe, or lie on a server that is gone
                return await apart(_read, Path(unquote(parts.path)))
        async with Web("direct", {}) as web:
            return (await web.get(script, limit=_LIMIT, seconds=FETCH_SECONDS)).body

    async def _told(self, *command: str, data: bytes = b"") -> str:
        """Standard output of a program; nothing where it fails or takes too long."""
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=nowhere, env=dict(self._environment)
            )
        except OSError:
            return ""
        try:
            async with asyncio.timeout(SECONDS):
                told, _ = await process.communicate(data)
        except TimeoutError:
            return ""
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        return told.decode("utf-8", "replace") if process.returncode == 0 else ""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LIMIT)


def named(policies: Mapping[str, object]) -> Sequence[str]:
    """Addresses of scripts in policies of Chromium's browsers and of Firefox."""
    found = [policies.get("ProxyPacUrl")]
    for name, key in (("ProxySettings", "ProxyPacUrl"), ("policies", "Proxy")):
        inner = policies.get(name)
        found.append(inner.get(key) if isinstance(inner, dict) else None)
    rows = [one.get("AutoConfigURL") if isinstance(one, dict) else one for one in found]
    return [one for one in rows if isinstance(one, str) and one]
