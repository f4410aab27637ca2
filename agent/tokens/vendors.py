"""VENDORS: where the PKCS#11 modules of each vendor are installed. One row is one vendor.

Generic modules stand last. Rows and paths marked [unverified] are general knowledge that nobody has confirmed; the
others were read in a vendor's package, its documentation or a program that loads them.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from agent.tokens import registry


class Vendor(NamedTuple):
    """Paths are tried in order and the first that exists is used; `%NAME%` is an environment variable (Windows).

    `readers`: its tokens are in PC/SC readers, so that nothing comes or goes without PC/SC telling.
    """

    name: str
    linux: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()
    readers: bool = True


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
    """SysWOW64 holds what 32-bit programs load, which a 32-bit Pero finds as System32."""
    return tuple(rf"%SystemRoot%\System32\{file}" for file in files)


def _macos(*files: str) -> tuple[str, ...]:
    folders = ("/usr/local/lib", "/usr/local/lib/pkcs11", "/opt/homebrew/lib", "/opt/homebrew/lib/pkcs11")
    return tuple(f"{folder}/{file}" for file in files for folder in folders)


VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "Rutoken",
        (*_linux("librtpkcs11ecp.so"), "/opt/aktivco/rutokenplugin/librtpkcs11ecp.so",
         "/usr/lib/3rdparty/ru.rutoken.librtpkcs11ecp/librtpkcs11ecp.so"),
        (*_system("rtPKCS11ECP.dll"), r"%ProgramFiles%\Aktiv Co\Rutoken\rtPKCS11ECP.dll",
         r"%ProgramFiles%\Aktiv Co\RutokenControlCenter\rtPKCS11ECP.dll"),
        ("/Library/Frameworks/rtpkcs11ecp.framework/rtpkcs11ecp", *_macos("librtpkcs11ecp.dylib")),
    ),
    Vendor("Rutoken S", _linux("librtPKCS11.so"), _system("rtPKCS11.dll")),
    Vendor(
        "JaCarta",
        _linux("libjcPKCS11-2.so", "libjcPKCS11.so", "libjckt2.so"),
        _system("jcPKCS11-2.dll"),
        ("/Library/Frameworks/jcPKCS11-2.framework/jcPKCS11-2", "/Library/Frameworks/jcPKCS11.framework/jcPKCS11"),
    ),
    Vendor("ESMART", _linux("libisbc_pkcs11_main.so"), _system("isbc_pkcs11_main.dll")),
    Vendor(
        "CryptoPro",
        ("/opt/cprocsp/lib/amd64/libcppkcs11.so", "/opt/cprocsp/lib/amd64/libcppkcs11.so.4.0.4",
         "/opt/cprocsp/lib/aarch64/libcppkcs11.so", "/opt/cprocsp/lib/ia32/libcppkcs11.so"),  # last two [unverified]
        _system("cppkcs11.dll"),  # [unverified]
        ("/opt/cprocsp/lib/libcppkcs11.dylib",),  # [unverified]
    ),
    Vendor(
        "YubiKey",
        _linux("libykcs11.so", "libykcs11.so.2"),
        (r"%ProgramFiles%\Yubico\Yubico PIV Tool\bin\libykcs11.dll",),
        _macos("libykcs11.dylib"),
    ),
    Vendor(
        "SafeNet eToken",
        _linux("libeToken.so", "libeToken.so.10", "libeTPkcs11.so"),
        _system("eTPKCS11.dll", "eToken.dll"),
        ("/Library/Frameworks/eToken.framework/Versions/Current/libeToken.dylib", *_macos("libeTPkcs11.dylib")),
    ),
    Vendor(
        "IDPrime",
        _linux("libIDPrimePKCS11.so"),  # [unverified]
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
    Vendor("Athena", _linux("libASEP11.so"), _system("asepkcs.dll")),  # Linux [unverified]
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
    Vendor(
        "Watchdata",
        _linux("libwdpkcs.so"),
        _system("WDPKCS.dll", "WDICP_P11_CCID_v34.dll"),
        ("/usr/local/lib/libwdpkcs.dylib",),
    ),
    Vendor(
        "SmartCard-HSM",
        _linux("libsc-hsm-pkcs11.so"),  # [unverified]
        (r"%ProgramFiles%\CardContact\SmartCard-HSM Middleware\sc-hsm-pkcs11.dll",),
    ),
    Vendor(  # [unverified]
        "Bit4id",
        _linux("libbit4xpki.so", "libbit4ipki.so"),
        _system("bit4xpki.dll", "bit4ipki.dll"),
        ("/usr/local/lib/libbit4xpki.dylib",),
    ),
    Vendor("Nexus Personal", _linux("libpersonal.so"), _system("personal64.dll")),  # [unverified]
    Vendor("CenCert", (), _system("enigmap11-x64.dll")),
    Vendor("Certum", (), _system("cryptoCertum3PKCS.dll", "SimplySignPKCS.dll")),
    Vendor("KIR", _linux("libccgraphitep11.so"), _system("CCGraphiteP11p.x64.dll")),
    Vendor(
        "Thales Luna",
        ("/usr/safenet/lunaclient/lib/libCryptoki2_64.so",),
        (r"%ProgramFiles%\SafeNet\LunaClient\cryptoki.dll",),
        readers=False,
    ),
    Vendor("AWS CloudHSM", ("/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",), readers=False),
    Vendor("YubiHSM", _linux("yubihsm_pkcs11.so"), readers=False),  # [unverified]
    Vendor("TPM", _linux("libtpm2_pkcs11.so", "libtpm2_pkcs11.so.1"), readers=False),  # [unverified]
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
        (r"C:\SoftHSM2\lib\softhsm2-x64.dll",),  # [unverified]
        ("/opt/homebrew/lib/softhsm/libsofthsm2.so",),
        readers=False,
    ),
)  # fmt: skip

# They drive the tokens of others, so each device's own vendor goes before them.
GENERIC = ("OpenSC",)

# Never taken, not even when added: they put other modules behind one, or hold a browser's keys or trust anchors.
REFUSED = ("p11-kit-", "libp11-kit", "libsoftokn3", "softokn3", "libnssckbi", "nssckbi")


def find_modules(
    added: Sequence[str],
    exists: Callable[[str], bool] = os.path.exists,
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Paths of the modules to load: those added by hand, whether they exist or not, then one of each vendor, then
    those of p11-kit's registry whose vendors are not among them. A file with two names stands under the first."""
    found = [path for path in added if not is_refused(path)]
    for vendor in VENDORS:
        path = next((path for path in paths(vendor, platform, environment) if exists(path)), None)
        if path:
            found.append(path)
    vendors = {name_of(path, platform=platform, environment=environment) for path in found}
    for path in registry.registered(platform, environment):
        name = name_of(path, platform=platform, environment=environment)
        if exists(path) and not is_refused(path) and name not in vendors:
            found.append(path)
            vendors.add(name)
    return _once(found)


def _once(found: Sequence[str]) -> tuple[str, ...]:
    """Without the further names of a file."""
    real: dict[str, str] = {}
    for path in found:
        real.setdefault(os.path.normcase(os.path.realpath(path)), path)
    return tuple(real.values())


def has_readers(path: str) -> bool:
    """Whether a module's tokens are in PC/SC readers, as far as its vendor is known."""
    name = name_of(path)
    return any(vendor.name == name and vendor.readers for vendor in VENDORS)


def name_of(path: str, *, platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> str:
    """The vendor of a module, told by its file's name; that name where no vendor is known."""
    file = _file(path)
    for vendor in VENDORS:
        if any(_file(known) == file for known in paths(vendor, platform, environment)):
            return vendor.name
    return file


@functools.lru_cache(maxsize=256)
def vendor_of(path: str) -> str:
    """`name_of` on this machine, remembered: every listing asks it of every module."""
    return name_of(path)


def paths(vendor: Vendor, platform: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where a vendor's module may be on this system, in order."""
    if platform == "win32":
        return tuple(_expanded(path, environment) for path in vendor.windows)
    return vendor.macos if platform == "darwin" else vendor.linux


def is_refused(path: str) -> bool:
    """By the file's name, or by that of the file a link leads to."""
    return any(_file(name).startswith(REFUSED) for name in (path, os.path.realpath(path)))


def _file(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _expanded(path: str, environment: Mapping[str, str]) -> str:
    for name, value in environment.items():
        path = path.replace(f"%{name}%", value)
    return path
