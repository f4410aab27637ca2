"""The entry that starts the agent with the session of this user: where desktops look for it, and what is in it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

_ENTRY = """[Desktop Entry]
Type=Application
Name=Pero
Exec={command}
Terminal=false
X-GNOME-Autostart-enabled=true
"""


def entry_path(environment: Mapping[str, str], home: Path) -> Path:
    """Where desktops look for what starts with the session (XDG autostart specification)."""
    configuration = environment.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else home / ".config") / "autostart" / "pero.desktop"


def entry_content(environment: Mapping[str, str]) -> bytes:
    return os.fsencode(_ENTRY.format(command=command_line(environment)))


def command_line(environment: Mapping[str, str]) -> str:
    """The command line of the agent as an Exec key, with the state folder where one was named."""
    home = environment.get("PERO_HOME")
    words = [*(["env", f"PERO_HOME={os.path.abspath(home)}"] if home else []), program(), "run"]  # noqa: PTH100
    return " ".join(map(_desktop_quoted, words))


def program() -> str:
    """`pero`: that of this interpreter's folder before any other."""
    return shutil.which("pero", path=str(Path(sys.executable).parent)) or shutil.which("pero") or "pero"


def _desktop_quoted(word: str) -> str:
    """One argument of an Exec key: quoted, with both layers of escaping (Desktop Entry Specification, "Exec")."""
    for character in '\\"`$':
        word = word.replace(character, "\\" + character)
    word = word.replace("\\", "\\\\").replace("%", "%%")
    return '"' + word.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'
