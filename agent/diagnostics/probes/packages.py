"""The system's packages: versions, and libraries that are not as their package brought them. Nothing is changed.

dpkg's database is read as files; rpm (Fedora, RED OS, ALT) is asked, since the form of its database changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_DPKG = Path("var/lib/dpkg")
_RPM = ("var/lib/rpm", "usr/lib/sysimage/rpm")
_LARGEST = 64 << 20  # bytes of a library whose digest is taken
_SECONDS = 20.0  # for one question to rpm
_VERIFY = ("--nodeps", "--noscripts", "--nomtime", "--nouser", "--nogroup", "--nomode", "--nordev", "--nolinkto")
_DIGEST = 2  # place of the digest's "5" in a line of `rpm --verify`


class Packages:
    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def versions(self, names: Sequence[str]) -> dict[str, str]:
        """Of those that are installed."""
        if self._has_dpkg:
            told = self._dpkg_versions()
        else:
            rows = self._rpm("--query", "--queryformat=%{NAME}\t%{VERSION}-%{RELEASE}\n", *names)
            told = dict(row.split("\t", 1) for row in rows if "\t" in row)
        return {name: told[name] for name in names if name in told}

    def changed(self, watched: tuple[str, ...]) -> list[str]:
        """Paths of libraries; `watched`: how names of packages begin."""
        if self._has_dpkg:
            lists = sorted((self._root / _DPKG / "info").glob("*.md5sums"))
            return [path for listed in lists if listed.name.startswith(watched) for path in self._differing(listed)]
        names = [name for name in self._rpm("--query", "--all", "--queryformat=%{NAME}\n") if name.startswith(watched)]
        rows = self._rpm("--verify", *_VERIFY, *names) if names else []
        paths = [row.split(" ", 1)[1].split("/", 1) for row in rows if row[_DIGEST : _DIGEST + 1] == "5" and "/" in row]
        return [f"/{path}" for _, path in paths if ".so" in path.rsplit("/", 1)[-1]]

    @property
    def _has_dpkg(self) -> bool:
        return (self._root / _DPKG).is_dir()

    def _dpkg_versions(self) -> dict[str, str]:
        """Names and versions of installed packages (deb822 paragraphs)."""
        found: dict[str, str] = {}
        for paragraph in _text(self._root / _DPKG / "status").split("\n\n"):
            rows = dict(line.partition(": ")[::2] for line in paragraph.splitlines() if not line.startswith(" "))
            if rows.get("Status", "").endswith(" installed"):
                found[rows.get("Package", "")] = rows.get("Version", "")
        return found

    def _differing(self, listed: Path) -> Iterator[str]:
        for line in _text(listed).splitlines():
            digest, _, name = line.partition("  ")
            path = self._root / name
            if ".so" in path.name and path.is_file() and digest != _md5(path, digest):
                yield f"/{name}"

    def _rpm(self, *arguments: str) -> list[str]:
        """Lines of the answer, of whatever rpm thinks of some names; none where there is no rpm."""
        program = shutil.which("rpm")
        place = next((folder for folder in _RPM if (self._root / folder).is_dir()), None)
        if program is None or place is None:
            return []
        order = [program, f"--root={self._root.resolve()}", f"--dbpath=/{place}", *arguments]
        try:
            done = subprocess.run(
                order, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return []
        return done.stdout.decode("utf-8", "replace").splitlines()


def _md5(path: Path, unknown: str) -> str:
    """As dpkg has it; `unknown` where it cannot be taken. It says that a file changed, not that nobody forged it."""
    try:
        if path.stat().st_size > _LARGEST:
            return unknown
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return unknown


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
