"""What the PC/SC service and the kernel said lately, by `journalctl`. Whoever may not read it is told nothing."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Literal, Protocol

from agent.diagnostics.probes.apart import apart

Said = Literal["refused", "card_refused", "polkit_blind", "forbidden", "busy", "port_fault", "kept_out"]
_SINCE = "-15min"  # what is older may have been mended since
_LINES = "400"
_SECONDS = 5.0  # for journalctl
_SERVICE = ("--unit=pcscd.service",)
_KERNEL = ("--dmesg",)

# Words of pcsc-lite (auth.c), the CCID driver (ccid_usb.c) and the kernel (usb/core/hub.c, usb/core/driver.c).
_PATTERNS: tuple[tuple[Said, re.Pattern[str]], ...] = (
    ("refused", re.compile(r"NOT authorized for action: access_pcsc")),
    ("card_refused", re.compile(r"NOT authorized for action: access_card")),
    ("polkit_blind", re.compile(r"GDBus\.Error.*/proc/\d+", re.DOTALL)),
    ("forbidden", re.compile(r"libusb_open.*LIBUSB_ERROR_ACCESS")),
    ("busy", re.compile(r"claim interface.*LIBUSB_ERROR_BUSY")),
    ("port_fault", re.compile(r"device descriptor read/\w+, error -\d+|device not accepting address"
                              r"|unable to enumerate USB device|over-current")),
    ("kept_out", re.compile(r"Device is not authorized for usage")),
)  # fmt: skip


class Journal(Protocol):
    async def service(self) -> frozenset[Said]:
        """What the PC/SC service complained of."""
        ...

    async def kernel(self) -> frozenset[Said]:
        """What the kernel complained of, of USB."""
        ...


def heard(text: str) -> frozenset[Said]:
    """What log lines tell."""
    return frozenset(said for said, pattern in _PATTERNS if pattern.search(text))


class SystemJournal:
    """`environment`: PATH names where journalctl is. Asked once each."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {"PATH": environment.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
        self._asked: dict[tuple[str, ...], asyncio.Task[str]] = {}

    async def service(self) -> frozenset[Said]:
        return heard(await self._once(_SERVICE))

    async def kernel(self) -> frozenset[Said]:
        return heard(await self._once(_KERNEL))

    async def _once(self, which: tuple[str, ...]) -> str:
        if which not in self._asked:
            self._asked[which] = asyncio.create_task(apart(self._read, which))
        return await asyncio.shield(self._asked[which])

    def _read(self, which: tuple[str, ...]) -> str:
        program = shutil.which("journalctl", path=self._environment["PATH"])
        if program is None:
            return ""
        order = [program, *which, f"--since={_SINCE}", f"--lines={_LINES}", "--output=cat", "--no-pager", "--quiet"]
        try:
            done = subprocess.run(
                order, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode("utf-8", "replace")
