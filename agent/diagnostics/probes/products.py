"""Crypto providers and other vendors' plug-ins on the disk: which, of what version, whole or changed.

PRODUCTS: paths and names of packages were read in install scripts and package recipes that others published; rows
marked [unverified] are general knowledge. Versions and digests are those of the system's packages; what is installed in
another way is seen and has no version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from agent.diagnostics.probes.packages import Packages
from agent.errors import Fact

Kind = Literal["provider", "plugin"]
_IFC = Path("etc/ifc.cfg")
_IFC_LOGS = Path("var/log/ifc/engine_logs")
_IFC_LINKS = ("usr/lib/mozilla/plugins/lib/libcppkcs11.so", "usr/lib64/mozilla/plugins/lib/libcppkcs11.so")
_KEYS = Path("var/opt/cprocsp/keys")
_LIMIT = 1 << 20  # bytes of a configuration file
_WATCHED = (
    "lsb-cprocsp-",
    "cprocsp-",
    "librtpkcs11ecp",
    "jacartauc",
    "ifcplugin",
    "kontur.plugin",
    "libccid",
    "pcscd",
    "opensc-pkcs11",
    "ykcs11",
)  # how names of packages begin whose libraries are compared


class Product(NamedTuple):
    """`files`: one of these patterns is there. `least`: an older one is known not to work (with its reason, a case)."""

    name: str
    kind: Kind
    files: tuple[str, ...]
    packages: tuple[str, ...] = ()  # the first that is installed tells the version
    least: tuple[int, ...] = ()


PRODUCTS: tuple[Product, ...] = (
    Product("CryptoPro CSP", "provider", ("opt/cprocsp/sbin",), ("lsb-cprocsp-base",)),
    Product("ViPNet CSP", "provider", ("opt/itcs",)),  # [unverified]
    Product("Signal-COM CSP", "provider", ("opt/signalcom",)),  # [unverified]
    Product("LISSI-CSP", "provider", ("opt/lissi",)),  # [unverified]
    Product(
        "CryptoPro Browser plug-in", "plugin",
        ("opt/cprocsp/bin/*/nmcades", "opt/cprocsp/lib/*/libnpcades.so*"),
        ("cprocsp-pki-plugin-64", "cprocsp-pki-plugin"), (2, 0, 15400),  # older: the extension that Chrome dropped
    ),
    Product("IFCPlugin", "plugin", ("usr/bin/ifc_chrome_host", "etc/ifc.cfg"), ("ifcplugin",)),
    Product("Kontur.Plugin", "plugin", ("opt/kontur.plugin",), ("kontur.plugin",)),
    Product(
        "Rutoken Plugin", "plugin", ("opt/aktivco/rutokenplugin",),
        ("librutokenplugin", "libnprutokenplugin"),  # names of the package [unverified]
    ),
)  # fmt: skip


class Installed(NamedTuple):
    product: Product
    version: str  # as the package database has it; empty where it does not know

    @property
    def facts(self) -> dict[str, Fact]:
        """`named` is for people; `provider` and `version` are for the history."""
        version: dict[str, Fact] = {"version": self.version} if self.version else {}
        return {"provider": self.product.name, "named": f"{self.product.name} {self.version}".strip(), **version}

    @property
    def outdated(self) -> bool:
        return bool(self.version) and numbers(self.version) < self.product.least


class Ifc(NamedTuple):
    """IFCPlugin's settings, as far as they decide whether it sees CryptoPro."""

    knows: bool  # a row of /etc/ifc.cfg names CryptoPro's module
    found: bool  # the module is where that row, or the plug-in, looks for it
    logs_closed: bool  # its folder of logs is there, and not everybody may write in it


class Products(Protocol):
    def installed(self, kind: Kind) -> list[Installed]:
        """May take a while, as `changed`."""
        ...

    def ifc(self) -> Ifc | None:
        """None where IFCPlugin has no settings here."""
        ...

    def changed(self) -> list[str]:
        """Libraries of watched packages that are not as their package brought them; paths."""
        ...

    def strangers_keys(self, user: str) -> bool:
        """Whether CryptoPro keeps containers on this disk for other users, and none for this one."""
        ...


class LinuxProducts:
    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._packages = Packages(root)

    def installed(self, kind: Kind) -> list[Installed]:
        rows = [row for row in PRODUCTS if row.kind == kind and any(self._any(pattern) for pattern in row.files)]
        versions = self._packages.versions([name for row in rows for name in row.packages]) if rows else {}
        return [Installed(row, next((versions[name] for name in row.packages if name in versions), "")) for row in rows]

    def ifc(self) -> Ifc | None:
        text = _text(self._root / _IFC)
        if not text:
            return None
        lines = [line.strip() for line in text.splitlines() if not line.strip().startswith(("#", "//"))]
        named = [line for line in lines if "lib_linux" in line and "cppkcs11" in line]
        whole = [line.split('"')[1] for line in named if '"/' in line]
        places = [*whole, *_IFC_LINKS] if whole else list(_IFC_LINKS)
        found = any((self._root / place.lstrip("/")).exists() for place in places)
        return Ifc(bool(named), found, self._closed(_IFC_LOGS))

    def changed(self) -> list[str]:
        return self._packages.changed(_WATCHED)

    def strangers_keys(self, user: str) -> bool:
        try:
            names = {path.name for path in (self._root / _KEYS).iterdir() if path.is_dir()}
        except OSError:
            return False
        return bool(names) and user not in names

    def _any(self, pattern: str) -> bool:
        return next(iter(self._root.glob(pattern)), None) is not None

    def _closed(self, folder: Path) -> bool:
        try:
            return not (self._root / folder).stat().st_mode & 0o002
        except OSError:
            return False


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.0.15500-1" is (2, 0, 15500)."""
    found = []
    for part in version.split(":")[-1].split("-")[0].split("."):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LIMIT)
    except OSError:
        return ""
