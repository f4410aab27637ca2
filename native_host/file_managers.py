"""What `pero setup` writes so that desktops and file managers offer Pero: a desktop entry, and rows of their menus.

Formats: Desktop Entry Specification 1.5; service menus of KDE Frameworks 5 and 6 (Dolphin); scripts of Nautilus and
Caja, which get the chosen files as arguments; actions of Nemo. Linux and other systems with XDG folders.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from native_host.autostart import desktop_quoted, program

_NAMES = {"sign": ("Sign with Pero", "Подписать в Pero"), "verify": ("Verify the signature", "Проверить подпись")}
_PATIENCE = 10  # seconds
_SIGNATURES = "application/pkcs7-signature;application/x-pkcs7-signature;application/pkcs7-mime;"
_ICON = Path(__file__).resolve().parent.parent / "agent" / "desktop" / "icons" / "pero.svg"

_ENTRY = """[Desktop Entry]
Type=Application
Name=Pero
GenericName=Digital signatures
GenericName[ru]=Электронная подпись
Comment=Sign files and verify signatures
Comment[ru]=Подписание файлов и проверка подписей
Exec={desk}
Icon={icon}
Terminal=false
StartupNotify=false
StartupWMClass=pero
Categories=Utility;
Keywords=signature;certificate;token;подпись;сертификат;токен;
Actions=sign;verify;

[Desktop Action sign]
Name=Sign a file
Name[ru]=Подписать файл
Exec={sign}

[Desktop Action verify]
Name=Verify a file
Name[ru]=Проверить файл
Exec={verify}
"""
# Opens signatures by a double click; apart, so that the entry in the menu of programs opens no page of files.
_OPENER = """[Desktop Entry]
Type=Application
Name={name}
Name[ru]={name_ru}
Exec={command} %F
Icon={icon}
Terminal=false
NoDisplay=true
MimeType={types}
"""
_SERVICE_MENU = """[Desktop Entry]
Type=Service
X-KDE-ServiceTypes=KonqPopupMenu/Plugin
MimeType=application/octet-stream;
Icon={icon}
Actions=sign;verify;

[Desktop Action sign]
Name={sign_name}
Name[ru]={sign_name_ru}
Icon={icon}
Exec={sign} %F

[Desktop Action verify]
Name={verify_name}
Name[ru]={verify_name_ru}
Icon={icon}
Exec={verify} %F
"""
_SCRIPT = """#!/bin/sh
# Written by `pero setup`.
exec {command} "$@"
"""
_NEMO = """[Nemo Action]
Name={name}
Name[ru]={name_ru}
Exec={command} %F
Icon-Name={icon}
Selection=NotNone
Extensions=nodirs;
Quote=double
"""


@dataclass(frozen=True)
class Entry:
    """A file to be written; `mode` is that of a program where something runs it."""

    path: Path
    content: bytes
    mode: int = 0o644


def entries(
    environment: Mapping[str, str], home: Path, *, which: Callable[[str], str | None] = shutil.which
) -> Iterator[Entry]:
    """For the desktop and the file managers that are there."""
    data = _folder(environment, "XDG_DATA_HOME", home / ".local" / "share")
    settings = _folder(environment, "XDG_CONFIG_HOME", home / ".config")
    if environment.get("XDG_CURRENT_DESKTOP") or (data / "applications").is_dir():
        yield from _applications(environment, data / "applications")
    if which("dolphin") or (data / "kio").is_dir():
        path = data / "kio" / "servicemenus" / "pero.desktop"
        yield Entry(path, _service_menu(environment), 0o755)  # without the bit Dolphin refuses those of a home folder
    for manager, folder in (("nautilus", data / "nautilus"), ("caja", settings / "caja")):
        if which(manager) or folder.is_dir():
            yield from _scripts(environment, folder / "scripts")
    if which("nemo") or (data / "nemo").is_dir():
        yield from _nemo(environment, data / "nemo" / "actions")


def _every(environment: Mapping[str, str], home: Path) -> Iterator[Entry]:
    """Whatever is installed now, in either language."""
    for language in ("en", "ru"):
        given = {**environment, "XDG_CURRENT_DESKTOP": "any", "LC_ALL": language}
        yield from entries(given, home, which=lambda name: name)


def install(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Write the entries; those of another state folder are taken over. Raises OSError."""
    written = []
    for entry in entries(environment, home):
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        beside = entry.path.with_name(f".{entry.path.name}.{os.getpid()}")
        try:
            beside.write_bytes(entry.content)
            beside.chmod(entry.mode)
            beside.replace(entry.path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        written.append(entry.path)
    _tell_desktop(written)
    return written


def remove(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Remove what `install` wrote, word for word; what somebody changed, or another state folder's, stays. Raises
    OSError."""
    removed = []
    for entry in _every(environment, home):
        try:
            ours = entry.path.read_bytes() == entry.content
        except FileNotFoundError:
            continue
        if ours:
            entry.path.unlink()
            removed.append(entry.path)
    _tell_desktop(removed)
    for folder in {path.parent for path in removed}:
        _remove_empty(folder, home)
    return removed


def _tell_desktop(changed: list[Path]) -> None:
    """Have the list of programs by type of file made anew, where this desktop keeps one; without it others are told
    at the next log-in."""
    folders = {path.parent for path in changed if path.parent.name == "applications"}
    tool = shutil.which("update-desktop-database")
    if tool is None:
        return
    for folder in folders:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([tool, str(folder)], capture_output=True, timeout=_PATIENCE, check=False)
        with contextlib.suppress(OSError):
            cache = folder / "mimeinfo.cache"
            if cache.read_text("utf-8").strip() == "[MIME Cache]":
                cache.unlink()


def _remove_empty(folder: Path, home: Path) -> None:
    """The folder and those above it that hold nothing else, up to the home folder."""
    with contextlib.suppress(OSError):
        while folder != home and home in folder.parents:
            folder.rmdir()
            folder = folder.parent


def _folder(environment: Mapping[str, str], name: str, otherwise: Path) -> Path:
    named = environment.get(name)
    return Path(named) if named else otherwise


def _words(environment: Mapping[str, str], *page: str) -> list[str]:
    home = environment.get("PERO_HOME")
    state = ["env", f"PERO_HOME={os.path.abspath(home)}"] if home else []  # noqa: PTH100 - links stay
    return [*state, program(), "desk", *page]


def _exec(environment: Mapping[str, str], *page: str) -> str:
    return " ".join(map(desktop_quoted, _words(environment, *page)))


def _applications(environment: Mapping[str, str], folder: Path) -> Iterator[Entry]:
    desk, sign, verify = _exec(environment), _exec(environment, "sign"), _exec(environment, "verify")
    text = _ENTRY.format(desk=desk, sign=sign, verify=verify, icon=_ICON)
    yield Entry(folder / "pero.desktop", os.fsencode(text))
    name, name_ru = _NAMES["verify"]
    opener = _OPENER.format(name=name, name_ru=name_ru, command=verify, icon=_ICON, types=_SIGNATURES)
    yield Entry(folder / "pero-verify.desktop", os.fsencode(opener))


def _service_menu(environment: Mapping[str, str]) -> bytes:
    (sign_name, sign_name_ru), (verify_name, verify_name_ru) = _NAMES["sign"], _NAMES["verify"]
    text = _SERVICE_MENU.format(
        icon=_ICON,
        sign=_exec(environment, "sign"),
        verify=_exec(environment, "verify"),
        sign_name=sign_name,
        sign_name_ru=sign_name_ru,
        verify_name=verify_name,
        verify_name_ru=verify_name_ru,
    )
    return os.fsencode(text)


def _scripts(environment: Mapping[str, str], folder: Path) -> Iterator[Entry]:
    """Their names are what the menu shows."""
    spoken = (environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or "").lower()
    for page, names in _NAMES.items():
        command = " ".join(map(shlex.quote, [*_words(environment, page), "--"]))
        name = names[1 if spoken.startswith("ru") else 0]
        yield Entry(folder / name, os.fsencode(_SCRIPT.format(command=command)), 0o755)


def _nemo(environment: Mapping[str, str], folder: Path) -> Iterator[Entry]:
    for page, (name, name_ru) in _NAMES.items():
        text = _NEMO.format(name=name, name_ru=name_ru, command=_exec(environment, page), icon=_ICON)
        yield Entry(folder / f"pero-{page}.nemo_action", os.fsencode(text))
