"""Remedies for services of the system: that of smart cards (its socket, a rule of udev for a device, a rule of polkit
for this user) and that which keeps the time.

Where the system is not one that systemd runs, or an administrator forbade the service (masked), nothing is offered.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.diagnostics.base import Finding
from agent.diagnostics.mending.actions import ACTIONS, polkit_path, udev_path
from agent.diagnostics.mending.base import Ground, Step
from agent.diagnostics.mending.steps import AsAdministrator
from agent.errors import MendFailed

_BOOTED = "run/systemd/system"  # sd_booted(3)
_UNIT = "pcscd.socket"
_TIME_UNIT = "systemd-timesyncd.service"
_UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_ENABLED = f"etc/systemd/system/sockets.target.wants/{_UNIT}"
_GROUP = "pcscd"


def enable(_finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Where it is installed: start its socket, and for later sessions too where it was not enabled."""
    if not _is_installed(ground.root):
        return ()
    return _possible(ground, "pcscd_start" if os.path.lexists(ground.root / _ENABLED) else "pcscd_enable")


def restart(_finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """A socket that nobody serves any more is made anew."""
    return _possible(ground, "pcscd_restart") if _is_installed(ground.root) else ()


def device_rule(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Give the device to the group that the service runs in, where the system has that group."""
    subject = str(finding.facts.get("usb", ""))
    if not _has_group(ground.root):
        return ()
    try:
        there = _stands(ground.root, udev_path(subject), ACTIONS["udev_rule"].do(subject).given)
    except MendFailed:  # no VID:PID
        return ()
    return (() if there else _possible(ground, "udev_rule", subject)) + _possible(ground, "udev_trigger", subject)


def session_rule(_finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Let this user, and nobody else, use the service from any session."""
    subject = _user()
    if not subject or not (ground.root / "etc/polkit-1").is_dir():
        return ()
    try:
        there = _stands(ground.root, polkit_path(subject), ACTIONS["polkit_rule"].do(subject).given)
    except MendFailed:  # a name that must not stand in a rule
        return ()
    return () if there else _possible(ground, "polkit_rule", subject)


def keep_time(_finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Where systemd's own service for it is installed and nothing keeps the time."""
    return _possible(ground, "time_kept") if _is_installed(ground.root, _TIME_UNIT) else ()


def _possible(ground: Ground, action: str, subject: str = "") -> tuple[Step, ...]:
    """The step, where its program is there. That rights may be missing is told with the command: somebody has them."""
    step = AsAdministrator(action, subject)
    name = step.command().words[0]
    folders = ("usr/bin", "bin", "usr/sbin", "sbin")
    return (step,) if any((ground.root / folder / name).exists() for folder in folders) else ()


def _is_installed(root: Path, unit: str = _UNIT) -> bool:
    if not (root / _BOOTED).is_dir():
        return False
    found = [root / folder / unit for folder in _UNIT_FOLDERS]
    if any(path.is_symlink() and str(path.readlink()) == "/dev/null" for path in found):
        return False  # masked: somebody decided so
    return any(path.exists() for path in found)


def _has_group(root: Path) -> bool:
    try:
        lines = (root / "etc/group").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{_GROUP}:") for line in lines)


def _stands(root: Path, path: str, content: bytes) -> bool:
    """Whether the rule is there as it would be written; a folder that cannot be read hides it."""
    try:
        return (root / path.lstrip("/")).read_bytes() == content
    except OSError:
        return False


def _user() -> str:
    """NUMBER:NAME of who this process is; empty where the system knows no name."""
    import pwd

    try:
        return f"{os.getuid()}:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return ""
