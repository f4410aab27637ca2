"""Where copies of keys are looked for: the home folder and drives that can be taken out; never over the network.

A file system is believed to be local by the name of its type. What is not on the list (FUSE, which may lead anywhere,
included) is left out and named, for a server that does not answer would hold the search.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL = frozenset(
    {
        "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "nilfs2", "vfat", "msdos",
        "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "apfs", "udf", "iso9660", "tmpfs", "ramfs", "overlay",
        "squashfs", "ecryptfs",
    }
)  # fmt: skip
_REMOVABLE = ("/media/", "/run/media/", "/mnt/")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_DRIVE_REMOVABLE = 2  # of GetDriveTypeW


def mounts(path: Path = _MOUNTS) -> Mapping[str, str]:
    """Mount points and the types of what is mounted there last (proc(5)); empty where the system does not say."""
    try:
        lines = os.fsdecode(path.read_bytes()).splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        before, _, behind = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and behind:
            found[_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4])] = behind.split(" ")[0]
    return found


def is_local(kind: str) -> bool:
    return kind in _LOCAL


def lies_on(folder: str, mounted: Mapping[str, str]) -> str:
    """The type of the file system on which a folder lies; empty where it is not known."""
    place = folder
    while place not in mounted:
        if place == os.path.dirname(place):  # noqa: PTH120 - no Path: names may be no UTF-8, and nothing is touched
            return ""
        place = os.path.dirname(place)  # noqa: PTH120
    return mounted[place]


def usual(home: Path, mounted: Mapping[str, str]) -> list[str]:
    """The home folder and every drive that was put in."""
    if sys.platform == "win32":
        return [str(home), *_windows_drives()]
    if sys.platform == "darwin":
        return [str(home), *sorted(str(volume) for volume in Path("/Volumes").glob("*") if not volume.is_symlink())]
    return [str(home), *sorted(place for place in mounted if place.startswith(_REMOVABLE))]


def _windows_drives() -> list[str]:
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - there on Windows alone
    letters = (f"{chr(code)}:\\" for code in range(ord("A"), ord("Z") + 1))
    return [letter for letter in letters if kernel.GetDriveTypeW(letter) == _DRIVE_REMOVABLE]
