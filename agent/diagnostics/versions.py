"""The newest versions of drivers and modules that were known when this table was written. One row is one of them.

What is told from it is told as of `date`. `source` says where the version was read. Modules say their own version by
C_GetInfo (two numbers: libykcs11 writes 2.7.3 as 2.73).
"""

from __future__ import annotations

from typing import NamedTuple


class Version(NamedTuple):
    """`name`: a vendor of `tokens.vendors`, or "ccid". `distribution`: it usually comes with the system, which brings
    corrections into older versions, so that being behind is no fault by itself."""

    name: str
    newest: tuple[int, ...]
    date: str  # when it was seen to be the newest
    source: str
    distribution: bool = False

    @property
    def text(self) -> str:
        return ".".join(map(str, self.newest))


VERSIONS: tuple[Version, ...] = (
    Version("Rutoken", (2, 19), "2026-11-22", "download.rutoken.ru/Rutoken/PKCS11Lib/2.19.0.0"),
    Version("YubiKey", (2, 73), "2026-09-08", "github.com/Yubico/yubico-piv-tool, release 2.7.3"),
    Version("OpenSC", (0, 27), "2026-09-05", "github.com/OpenSC/OpenSC, release 0.27.1", distribution=True),
    Version("SoftHSM", (2, 7), "2026-01-20", "github.com/softhsm/SoftHSMv2, release 2.7.0", distribution=True),
    Version("ccid", (1, 7, 1), "2026-05-08", "ccid.apdu.fr/files/ChangeLog", distribution=True),
)


def known(name: str) -> Version | None:
    return next((row for row in VERSIONS if row.name == name), None)
