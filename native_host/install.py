"""Puts the native messaging host where browsers find it, and takes it away again. Linux is run; macOS is not.

A record in the state folder keeps which manifests were written and which folders were made for them, so that removing
leaves none behind, not even those of profile folders that were named by hand. A manifest that names another launcher
(another state folder's) is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from native_host import manifests
from native_host.manifests import BROWSERS, Browser

FILE_NAME = f"{manifests.NAME}.json"
RECORD = "native-host-manifests.json"
_LAUNCHER = """#!/bin/sh
# Written by `pero setup`: starts Pero's native messaging host for the browsers of this user.
exec {interpreter} -IS -c {program} "$@"
"""
_PROGRAM = "import sys; sys.path.insert(0, {sources!r}); from native_host import relay; relay.main({socket!r})"


@dataclass(frozen=True)
class Written:
    """One manifest: the browser's name ("profile" for a folder named by hand), its title, the file."""

    browser: str
    title: str
    path: Path


def supported() -> bool:
    """Whether manifests are files on this system (Windows keeps them in the registry, which is not done yet)."""
    return sys.platform in ("linux", "darwin")


def found(home: Path, *, which: Callable[[str], str | None] = shutil.which) -> Iterator[Browser]:
    """The browsers of this user: those with a profile folder or a program."""
    for browser in BROWSERS:
        profile = browser.profile.get(sys.platform)
        if (profile and (home / profile).is_dir()) or any(which(command) for command in browser.commands):
            yield browser


def launcher_text(socket: Path) -> str:
    """The launcher: a real interpreter, no site packages, no environment; every path quoted for the shell."""
    sources = str(Path(__file__).resolve().parent.parent)
    program = _PROGRAM.format(sources=sources, socket=str(socket))
    interpreter = os.path.realpath(sys.executable)
    return _LAUNCHER.format(interpreter=shlex.quote(interpreter), program=shlex.quote(program))


def launcher_content(socket: Path) -> bytes:
    """The launcher as it stands in its file."""
    return launcher_text(socket).encode(errors="surrogateescape")


def write_launcher(launcher: Path, socket: Path) -> None:
    """Write the launcher, mode 0700. Raises OSError."""
    _write(launcher, launcher_content(socket), 0o700)


def install(launcher: Path, home: Path, profiles: Iterable[Path] = ()) -> list[Written]:
    """Write a manifest for every browser found, and for profile folders of Chromium (``--user-data-dir``).

    The launcher's folder keeps the record. Raises OSError; what was written until then is recorded.
    """
    written = [*_of_browsers(found(home), home), *_of_profiles(profiles)]
    paths = [entry.path for _family, entry in written]
    _remember(launcher.parent / RECORD, paths, [folder for path in paths for folder in _missing(path.parent)])
    for family, entry in written:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        _write(entry.path, _dump(manifests.content(family, launcher)), 0o644)
    return [entry for _family, entry in written]


def remove(launcher: Path, home: Path) -> list[Path]:
    """Remove every manifest that names this launcher, the launcher and the record; returns what was removed."""
    record = launcher.parent / RECORD
    files, folders = _recorded(record)
    files += [str(entry.path) for _family, entry in _of_browsers(BROWSERS, home)]
    removed = [path for path in map(Path, dict.fromkeys(files)) if names_launcher(path, launcher)]
    removed += [path for path in (launcher, record) if path.exists()]
    for path in removed:
        path.unlink()
    for folder in sorted(folders, key=len, reverse=True):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()  # only where nothing else came into it
    return removed


def names_launcher(manifest: Path, launcher: Path) -> bool:
    """Whether a manifest is there and names this launcher."""
    try:
        content = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("path") == str(launcher)


def manifest_path(browser: Browser, home: Path) -> Path | None:
    """Where this browser looks for our manifest; None where that is not known on this system."""
    hosts = browser.hosts.get(sys.platform)
    return home / hosts / FILE_NAME if hosts else None


def _of_browsers(browsers: Iterable[Browser], home: Path) -> list[tuple[manifests.Family, Written]]:
    rows = ((browser, manifest_path(browser, home)) for browser in browsers)
    return [(browser.family, Written(browser.name, browser.title, path)) for browser, path in rows if path]


def _of_profiles(profiles: Iterable[Path]) -> list[tuple[manifests.Family, Written]]:
    folders = (profile.absolute() / "NativeMessagingHosts" / FILE_NAME for profile in profiles)
    return [("chromium", Written("profile", str(path.parent.parent), path)) for path in folders]


def _missing(folder: Path) -> Iterator[Path]:
    """The folders that must be made for this one to be."""
    while not folder.exists():
        yield folder
        folder = folder.parent


def _remember(record: Path, paths: list[Path], folders: list[Path]) -> None:
    files_before, folders_before = _recorded(record)
    files = sorted({*files_before, *map(str, paths)})
    _write(record, _dump({"manifests": files, "folders": sorted({*folders_before, *map(str, folders)})}), 0o600)


def _recorded(record: Path) -> tuple[list[str], list[str]]:
    """Manifests and folders of the record; none where there is no readable one."""
    try:
        content = json.loads(record.read_bytes())
        return [str(path) for path in content["manifests"]], [str(path) for path in content["folders"]]
    except (OSError, ValueError, KeyError, TypeError):
        return [], []


def _dump(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, with its mode from the beginning."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        os.replace(temporary, path)  # noqa: PTH105
    except OSError:
        Path(temporary).unlink()
        raise
