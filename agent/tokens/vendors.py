"""VENDORS: where the PKCS#11 modules of each vendor are installed. One row is one vendor.

The vendor's own module stands before generic ones: a token that two modules show is used through the first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Vendor(NamedTuple):
    """Paths are tried in order and the first that exists is used; `%NAME%` is an environment variable (Windows)."""

    name: str
    linux: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()


_LINUX_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib64",
    "/usr/lib/pkcs11",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/lib/pkcs11",
)


def _linux(*files: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{file}" for file in files for folder in _LINUX_FOLDERS)


def _system(*files: str) -> tuple[str, ...]:
    return tuple(rf"%SystemRoot%\System32\{file}" for file in files)


VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "Rutoken",
        (*_linux("librtpkcs11ecp.so"), "/opt/aktivco/rutokenplugin/librtpkcs11ecp.so",
         "/usr/lib/3rdparty/ru.rutoken.librtpkcs11ecp/librtpkcs11ecp.so"),
        (*_system("rtPKCS11ECP.dll"), r"%ProgramFiles%\Aktiv Co\Rutoken\rtPKCS11ECP.dll"),
        ("/Library/Frameworks/rtpkcs11ecp.framework/rtpkcs11ecp", "/usr/local/lib/librtpkcs11ecp.dylib"),
    ),
    Vendor("Rutoken S", _linux("librtPKCS11.so"), _system("rtPKCS11.dll")),
    Vendor(
        "JaCarta",
        _linux("libjcPKCS11-2.so", "libjcPKCS11.so", "libjckt2.so"),
        _system("jcPKCS11-2.dll"),
        ("/Library/Frameworks/jcPKCS11-2.framework/jcPKCS11-2", "/Library/Frameworks/jcPKCS11.framework/jcPKCS11"),
    ),
    Vendor("ESMART", _linux("libisbc_pkcs11_main.so"), _system("isbc_pkcs11_main.dll")),
    Vendor("CryptoPro", ("/opt/cprocsp/lib/amd64/libcppkcs11.so",), _system("cppkcs11.dll")),
    Vendor(
        "YubiKey",
        _linux("libykcs11.so", "libykcs11.so.2"),
        (r"%ProgramFiles%\Yubico\Yubico PIV Tool\bin\libykcs11.dll",),
        ("/usr/local/lib/libykcs11.dylib", "/opt/homebrew/lib/libykcs11.dylib"),
    ),
    Vendor(
        "SafeNet eToken",
        _linux("libeToken.so", "libeToken.so.10", "libeTPkcs11.so"),
        _system("eTPKCS11.dll", "eToken.dll"),
        ("/Library/Frameworks/eToken.framework/Versions/Current/libeToken.dylib", "/usr/local/lib/libeTPkcs11.dylib",
         "/usr/local/lib/pkcs11/libeTPkcs11.dylib"),
    ),
    Vendor(
        "IDPrime",
        _linux("libIDPrimePKCS11.so"),
        (r"%ProgramFiles(x86)%\Gemalto\IDGo 800 PKCS11\IDPrimePKCS1164.dll",
         r"%ProgramFiles(x86)%\Gemalto\IDGo 800 PKCS11\IDPrimePKCS11.dll"),
        ("/usr/local/lib/pkcs11/libIDPrimePKCS11.dylib",),
    ),
    Vendor(
        "SafeSign",
        _linux("libaetpkss.so", "libaetpkss.so.3"),
        _system("aetpkss1.dll"),
        ("/Applications/tokenadmin.app/Contents/Frameworks/libaetpkss.dylib",),
    ),
    Vendor(
        "CSSI",
        _linux("libcmP11.so"),
        _system("cmP1164.dll", "cmP11.dll"),
        ("/Library/Application Support/CSSI/libcmP11.dylib",),
    ),
    Vendor("Athena", _linux("libASEP11.so"), _system("asepkcs.dll")),
    Vendor(
        "IDEMIA",
        ("/usr/local/AWP/lib/libOcsCryptoki.so",),
        (r"%ProgramFiles(x86)%\Oberthur Technologies\AWP\DLLs\OcsCryptoki.dll",),
    ),
    Vendor(
        "Feitian",
        _linux("libcastle.so.1.0.0", "libepsng_p11.so", "libepsng_p11.so.1"),
        _system("eps2003csp11.dll", "ep2pk11.dll", "ngp11v211.dll"),
    ),
    Vendor("Watchdata", _linux("libwdpkcs.so"), _system("WDPKCS.dll"), ("/usr/local/lib/libwdpkcs.dylib",)),
    Vendor(
        "SmartCard-HSM",
        _linux("libsc-hsm-pkcs11.so"),
        (r"%ProgramFiles%\CardContact\SmartCard-HSM Middleware\sc-hsm-pkcs11.dll",),
    ),
    Vendor(
        "Bit4id",
        _linux("libbit4xpki.so", "libbit4ipki.so"),
        _system("bit4xpki.dll", "bit4ipki.dll"),
        ("/usr/local/lib/libbit4xpki.dylib",),
    ),
    Vendor("Nexus Personal", _linux("libpersonal.so"), _system("personal64.dll")),
    Vendor(
        "Thales Luna",
        ("/usr/safenet/lunaclient/lib/libCryptoki2_64.so",),
        (r"%ProgramFiles%\SafeNet\LunaClient\cryptoki.dll",),
    ),
    Vendor("AWS CloudHSM", ("/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",)),
    Vendor("YubiHSM", _linux("yubihsm_pkcs11.so")),
    Vendor("TPM", _linux("libtpm2_pkcs11.so", "libtpm2_pkcs11.so.1")),
    Vendor(
        "OpenSC",
        _linux("opensc-pkcs11.so", "onepin-opensc-pkcs11.so"),
        (r"%ProgramFiles%\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll", *_system("opensc-pkcs11.dll")),
        ("/Library/OpenSC/lib/opensc-pkcs11.so", "/opt/homebrew/lib/pkcs11/opensc-pkcs11.so",
         "/opt/homebrew/lib/opensc-pkcs11.so"),
    ),
    Vendor(
        "SoftHSM",
        ("/usr/lib/softhsm/libsofthsm2.so", *_linux("softhsm/libsofthsm2.so")),
        (r"C:\SoftHSM2\lib\softhsm2-x64.dll",),
        ("/opt/homebrew/lib/softhsm/libsofthsm2.so",),
    ),
)  # fmt: skip

# Never taken, not even when added: they put other modules behind one, or hold a browser's own keys.
REFUSED = ("p11-kit-proxy", "libp11-kit", "libsoftokn3", "softokn3")


def find_modules(
    added: Sequence[str],
    exists: Callable[[str], bool] = os.path.exists,
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Paths of the modules to load: those added by hand, whether they exist or not, then one of each vendor."""
    found = [path for path in added if not is_refused(path)]
    for vendor in VENDORS:
        path = next((path for path in paths(vendor, platform, environment) if exists(path)), None)
        if path:
            found.append(path)
    return tuple(dict.fromkeys(found))


def name_of(path: str, *, platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> str:
    """The vendor of a module, told by its file's name; that name where no vendor is known."""
    file = _file(path)
    for vendor in VENDORS:
        if any(_file(known) == file for known in paths(vendor, platform, environment)):
            return vendor.name
    return file


def paths(vendor: Vendor, platform: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where a vendor's module may be on this system, in order."""
    if platform == "win32":
        return tuple(_expanded(path, environment) for path in vendor.windows)
    return vendor.macos if platform == "darwin" else vendor.linux


def is_refused(path: str) -> bool:
    return _file(path).startswith(REFUSED)


def _file(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _expanded(path: str, environment: Mapping[str, str]) -> str:
    for name, value in environment.items():
        path = path.replace(f"%{name}%", value)
    return path
