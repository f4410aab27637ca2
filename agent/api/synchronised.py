"""Folders whose content goes to a cloud by itself: no key file is to lie there.

Recognised by the name that a program gives its folder, and by what it keeps there; a folder that was renamed and has
no such mark is not.
"""

from __future__ import annotations

from pathlib import Path

# Names of folders, small letters (whole, or before " - " or " ("), and whose they are
_NAMES = {
    "yandex.disk": "Яндекс.Диск", "яндекс.диск": "Яндекс.Диск", "yandexdisk": "Яндекс.Диск",
    "cloud mail.ru": "Облако Mail.ru", "облако mail.ru": "Облако Mail.ru", "mail.ru cloud": "Облако Mail.ru",
    "dropbox": "Dropbox", "onedrive": "OneDrive", "google drive": "Google Drive", "googledrive": "Google Drive",
    "my drive": "Google Drive", "мой диск": "Google Drive", "icloud drive": "iCloud", "iclouddrive": "iCloud",
    "com~apple~clouddocs": "iCloud", "nextcloud": "Nextcloud", "owncloud": "ownCloud", "mega": "MEGA",
    "megasync": "MEGA", "pcloud": "pCloud", "pclouddrive": "pCloud", "seafile": "Seafile", "box": "Box",
    "box sync": "Box", "cloudstorage": "CloudStorage", "sbercloud": "СберДиск", "сбердиск": "СберДиск",
    "sberdisk": "СберДиск",
}  # fmt: skip
# What programs keep in their folder, and whose it is
_MARKS = {
    ".sync": "Яндекс.Диск", ".dropbox": "Dropbox", ".dropbox.cache": "Dropbox", ".stfolder": "Syncthing",
    ".nextcloudsync.log": "Nextcloud", ".sync_journal.db": "Nextcloud", ".owncloudsync.log": "ownCloud",
    ".tmp.drivedownload": "Google Drive", ".849c9593-d756-4e56-8d6e-42412f2a707b": "OneDrive",
    ".megaignore": "MEGA", ".debris": "MEGA", ".seafile-data": "Seafile",
}  # fmt: skip
_MARK_PATTERNS = {".sync_*.db": "Nextcloud", "._sync_*.db": "Nextcloud"}


def synchronised(folder: Path) -> str:
    """Whose folder this is or lies in, by whatever links; empty where none is recognised."""
    for place in dict.fromkeys((*_upwards(folder), *_upwards(_real(folder)))):
        name = place.name.casefold().split(" - ")[0].split(" (")[0].strip()
        if name in _NAMES:
            return _NAMES[name]
        found = _marked(place)
        if found:
            return found
    return ""


def _upwards(folder: Path) -> tuple[Path, ...]:
    return (folder, *folder.parents)


def _real(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        return folder


def _marked(folder: Path) -> str:
    try:
        for mark, product in _MARKS.items():
            if (folder / mark).exists():
                return product
        for pattern, product in _MARK_PATTERNS.items():
            if next(folder.glob(pattern), None) is not None:
                return product
    except OSError:
        return ""
    return ""
