"""The entry that starts the agent with the session of this user: where desktops look for it, and what is in it.

Linux: an XDG autostart file. macOS: a LaunchAgents property list. Windows: a command file in the Startup folder.
Those of macOS and Windows are written after the makers' documents and were not run there yet.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

_ENTRY = """[Desktop Entry]
Type=Application
Name=Pero
Exec={command}
Terminal=false
X-GNOME-Autostart-enabled=true
"""
_PROPERTIES = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>pero</string>
<key>ProgramArguments</key><array>{words}</array>
<key>RunAtLoad</key><true/>
</dict></plist>
"""


class _System(NamedTuple):
    path: Callable[[Mapping[str, str], Path], Path]
    content: Callable[[Mapping[str, str]], bytes]


def supported() -> bool:
    return _system() is not None


def entry_path(environment: Mapping[str, str], home: Path) -> Path:
    """Where the desktop looks for what starts with the session."""
    return _known().path(environment, home)


def entry_content(environment: Mapping[str, str]) -> bytes:
    return _known().content(environment)


def is_ours(content: bytes, environment: Mapping[str, str]) -> bool:
    """Whether an entry starts this agent, with this state folder."""
    if _known() is SYSTEMS["linux"]:
        return f"Exec={command_line(environment)}\n" in os.fsdecode(content)
    return content == entry_content(environment)


def command_line(environment: Mapping[str, str]) -> str:
    """The command line of the agent as an Exec key, with the state folder where one was named."""
    named = [f"PERO_HOME={home}"] if (home := _home(environment)) else []
    return " ".join(map(desktop_quoted, [*(["env", *named] if named else []), program(), "run"]))


def program() -> str:
    """`pero`: that of this interpreter's folder before any other."""
    return shutil.which("pero", path=str(Path(sys.executable).parent)) or shutil.which("pero") or "pero"


def _home(environment: Mapping[str, str]) -> str:
    """The state folder that was named, absolute; empty where none was."""
    home = environment.get("PERO_HOME")
    return os.path.abspath(home) if home else ""  # noqa: PTH100


def _xdg_path(environment: Mapping[str, str], home: Path) -> Path:
    """XDG autostart specification."""
    configuration = environment.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else home / ".config") / "autostart" / "pero.desktop"


def _xdg_content(environment: Mapping[str, str]) -> bytes:
    return os.fsencode(_ENTRY.format(command=command_line(environment)))


def desktop_quoted(word: str) -> str:
    """One argument of an Exec key: quoted, with both layers of escaping (Desktop Entry Specification, "Exec")."""
    for character in '\\"`$':
        word = word.replace(character, "\\" + character)
    word = word.replace("\\", "\\\\").replace("%", "%%")
    return '"' + word.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _launchd_path(_environment: Mapping[str, str], home: Path) -> Path:
    """launchd.plist(5)."""
    return home / "Library" / "LaunchAgents" / "pero.plist"


def _launchd_content(environment: Mapping[str, str]) -> bytes:
    named = ["/usr/bin/env", f"PERO_HOME={home}"] if (home := _home(environment)) else []
    words = "".join(f"<string>{escape(word)}</string>" for word in [*named, program(), "run"])
    return _PROPERTIES.format(words=words).encode()


def _startup_path(environment: Mapping[str, str], home: Path) -> Path:
    """The Startup folder of the user's Start menu (FOLDERID_Startup)."""
    roaming = environment.get("APPDATA")
    folder = Path(roaming) if roaming else home / "AppData" / "Roaming"
    return folder / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Startup" / "pero.cmd"


def _startup_content(environment: Mapping[str, str]) -> bytes:
    """`start` lets the command window go at once; a percent sign is doubled for the command interpreter."""
    lines = ["@echo off", "chcp 65001 >nul"]
    if home := _home(environment):
        lines.append(f'set "PERO_HOME={home.replace("%", "%%")}"')
    lines.append(f'start "" /min "{program().replace("%", "%%")}" run')
    return "\r\n".join([*lines, ""]).encode()


SYSTEMS: Mapping[str, _System] = {
    "linux": _System(_xdg_path, _xdg_content),
    "darwin": _System(_launchd_path, _launchd_content),
    "win32": _System(_startup_path, _startup_content),
}


def _system() -> _System | None:
    return SYSTEMS.get(sys.platform)


def _known() -> _System:
    """Raises OSError on another system."""
    found = _system()
    if found is None:
        raise OSError(f"no autostart on {sys.platform}")
    return found
