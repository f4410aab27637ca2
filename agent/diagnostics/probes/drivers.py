"""Libraries on the disk: copies inside other products, parts that a module cannot do without, OpenSC's settings."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

_MODULE_FILES = ("librtpkcs11ecp.so", "libjcPKCS11-2.so", "libisbc_pkcs11_main.so", "opensc-pkcs11.so")
_SYSTEM_FOLDERS = (
    "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pkcs11", "usr/lib/aarch64-linux-gnu", "usr/lib64",
    "usr/lib64/pkcs11", "usr/lib", "usr/lib/pkcs11", "usr/local/lib",
)  # fmt: skip
_PRODUCTS = ("opt/*", "opt/*/*", "opt/*/*/*", "usr/lib/*/pkcs11", "usr/lib/mozilla/plugins/lib")
# Backends that the main module loads by itself and cannot do without. Names as on Windows; on Linux [unverified].
_PARTS = {
    "isbc_pkcs11_main.dll": ("isbc_esmart_token_mod.dll", "isbc_esmart_token_192k_mod.dll", "esmart_token_gost_mod.dll")
}
_OPENSC = ("etc/opensc/opensc.conf", "etc/opensc.conf", "usr/local/etc/opensc.conf")
_COMMENT = re.compile(r"#[^\n]*")
_LOCKS = re.compile(r"\block_login\s*=\s*\"?true\b", re.IGNORECASE)
_IGNORED = re.compile(r"\bignored_readers\s*=\s*([^;]*);")
_LIMIT = 1 << 20  # bytes of a settings file


class Copy(NamedTuple):
    path: str
    sha256: str


class OpenscSettings(NamedTuple):
    path: str
    locks_login: bool  # whoever is logged in keeps everybody else out
    ignored: tuple[str, ...]  # parts of names of readers that OpenSC does not look at


class Drivers(Protocol):
    def copies(self) -> dict[str, list[Copy]]:
        """Where each vendor's module lies, by file name; the same file by two names counts once."""
        ...

    def missing_parts(self, module: str) -> list[str]:
        """Names of files that must lie beside a module and do not."""
        ...

    def opensc(self) -> OpenscSettings | None:
        """None where OpenSC has no file of settings."""
        ...


class LinuxDrivers:
    """`environment` may name another file of OpenSC's settings."""

    def __init__(self, root: Path = Path("/"), environment: Mapping[str, str] = {}) -> None:
        self._root = root
        self._opensc = environment.get("OPENSC_CONF")

    def copies(self) -> dict[str, list[Copy]]:
        folders = [self._root / folder for folder in _SYSTEM_FOLDERS]
        folders += [folder for pattern in _PRODUCTS for folder in self._root.glob(pattern)]
        found: dict[str, dict[Path, Copy]] = {}
        for folder in folders:
            for name in _MODULE_FILES:
                path = folder / name
                if path.is_file():
                    real = path.resolve()
                    found.setdefault(name, {}).setdefault(real, Copy(str(path), _digest(real)))
        return {name: list(copies.values()) for name, copies in found.items()}

    def missing_parts(self, module: str) -> list[str]:
        path = Path(module)
        return [part for part in _PARTS.get(path.name, ()) if not (path.parent / part).exists()]

    def opensc(self) -> OpenscSettings | None:
        places = [Path(self._opensc)] if self._opensc else [self._root / place for place in _OPENSC]
        for path in places:
            with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
                text = _COMMENT.sub("", file.read(_LIMIT))
                ignored = [name for listed in _IGNORED.findall(text) for name in re.findall(r'"([^"]+)"', listed)]
                return OpenscSettings(str(path), bool(_LOCKS.search(text)), tuple(ignored))
        return None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
