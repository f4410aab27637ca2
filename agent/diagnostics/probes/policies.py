"""Rules of this system that stand between a person and the token: USB rules, confinement, being root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

_OPEN_PROFILES = ("unconfined", "")


class Policies(Protocol):
    def user(self) -> int:
        """The effective user of this process; 0 is nobody whom rules hold up."""
        ...

    def keeps_usb_out(self) -> str:
        """What keeps new USB devices out: "usbguard", "authorized_default", or nothing."""
        ...

    def profile(self) -> str:
        """The AppArmor profile that holds this process; empty: none does, or one that forbids nothing."""
        ...


class LinuxPolicies:
    def __init__(self, root: Path = Path("/"), user: int | None = None) -> None:
        self._root = root
        self._user = os.geteuid() if user is None else user

    def user(self) -> int:
        return self._user

    def keeps_usb_out(self) -> str:
        names = (_text(path).strip() for path in (self._root / "proc").glob("[0-9]*/comm"))
        if any(name.startswith("usbguard") for name in names):
            return "usbguard"
        buses = (self._root / "sys/bus/usb/devices").glob("usb*/authorized_default")
        return "authorized_default" if any(_text(path).strip() == "0" for path in buses) else ""

    def profile(self) -> str:
        """As "NAME (MODE)" (apparmor(7)); SELinux writes its labels into the same file, and says nothing to forbid."""
        said = _text(self._root / "proc/self/attr/apparmor/current") or _text(self._root / "proc/self/attr/current")
        name, _, mode = said.strip().strip("\0").partition(" ")
        return name if mode == "(enforce)" and name not in _OPEN_PROFILES else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
