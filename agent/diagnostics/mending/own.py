"""Remedies for what is this user's own: manifests, permissions of Pero's files, the agent."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

from agent import config
from agent.diagnostics.base import Finding
from agent.diagnostics.mending.base import Ground, Step
from agent.diagnostics.mending.steps import SetMode, StartAgent, WriteFile
from agent.errors import PeroError
from agent.policy import load_policy
from native_host import autostart, install, manifests

_LOOPBACK = "127.0.0.1"


def manifest(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """The launcher and the manifest of the finding's browser, as `pero setup` writes them."""
    named = Path(str(finding.facts.get("path", "")))
    for browser in manifests.BROWSERS:
        if install.manifest_path(browser, ground.home) == named:
            launcher = ground.locations.host_launcher
            wanted = manifests.content(browser.family, launcher)
            written = json.dumps(wanted, indent=2, ensure_ascii=False).encode() + b"\n"
            steps = (
                WriteFile(launcher, install.launcher_content(ground.locations.socket), 0o700),
                WriteFile(named, written, 0o644),
            )
            return tuple(step for step in steps if not _is_so(step))
    return ()  # a path that is none of a browser's is not written to, whatever it came from


def permissions(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Take from others what they may do with a file of ours: all of it below the state folder, else the writing."""
    path = Path(str(finding.facts.get("path", "")))
    try:
        status = path.lstat()
    except OSError:
        return ()
    mode = stat.S_IMODE(status.st_mode)
    kept = ground.locations.state in (path, *path.parents)
    program = Path(install.__file__).resolve().parent in (path, *path.parents)
    if status.st_uid != os.getuid() or stat.S_ISLNK(status.st_mode) or not (kept or program):
        return ()
    closed = mode & ~0o077 if kept else mode & ~0o022
    return (SetMode(path, closed),) if closed != mode else ()


def start(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """Start the agent, now and with each session."""
    entry = autostart.entry_path(ground.environment, ground.home)
    with_session = WriteFile(entry, autostart.entry_content(ground.environment), 0o644)
    return (StartAgent(),) if entry.exists() else (StartAgent(), with_session)


def restart(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """A fresh start of the agent puts right what it took from an older version or lost meanwhile."""
    return (StartAgent(restart=True),)


def port(finding: Finding, ground: Ground) -> tuple[Step, ...]:
    """An agent that found no port free is started anew where one is free now and the policy lets it have one."""
    try:
        allowed = load_policy().allow_loopback
    except PeroError:
        return ()
    free = allowed and any(_is_free(number) for number in config.LOOPBACK_PORTS)
    return (StartAgent(restart=True),) if free else ()


def _is_free(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((_LOOPBACK, number))
        except OSError:
            return False
    return True


def _is_so(step: WriteFile) -> bool:
    """Whether the file stands there already, in content and mode."""
    try:
        status = step.path.lstat()
        return stat.S_IMODE(status.st_mode) == step.mode and step.path.read_bytes() == step.content
    except OSError:
        return False
