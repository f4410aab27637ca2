"""Libraries on the disk: copies inside other products, parts that a module cannot do without, crypto providers."""

from __future__ import annotations

import hashlib
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
_PROVIDERS = (  # name, folder, version file or pattern; the first is [seen], the others [unverified]
    ("CryptoPro CSP", "opt/cprocsp/sbin"),
    ("ViPNet CSP", "opt/itcs"),
    ("Signal-COM CSP", "opt/signalcom"),
    ("LISSI-CSP", "opt/lissi"),
)


class Copy(NamedTuple):
    path: str
    sha256: str


class Drivers(Protocol):
    def copies(self) -> dict[str, list[Copy]]:
        """Where each vendor's module lies, by file name; the same file by two names counts once."""
        ...

    def missing_parts(self, module: str) -> list[str]:
        """Names of files that must lie beside a module and do not."""
        ...

    def providers(self) -> list[str]:
        """Crypto providers that are installed, by name."""
        ...


class LinuxDrivers:
    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

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

    def providers(self) -> list[str]:
        return [name for name, folder in _PROVIDERS if (self._root / folder).is_dir()]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
