"""PINs that vendors give to every token they make. Known here to be recognised when they are typed, never to be tried.

Rows marked [unverified] are general knowledge that nobody has confirmed on a device.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from agent.tokens.pkcs11 import TokenInfo


class Defaults(NamedTuple):
    """`manufacturer`, `model`: beginnings of what CK_TOKEN_INFO says, without regard to case; empty fits any."""

    manufacturer: str
    model: str
    user: tuple[str, ...]
    officer: tuple[str, ...] = ()


# The first row that fits counts.
DEFAULTS: tuple[Defaults, ...] = (
    Defaults("Aktiv", "", ("12345678",), ("87654321",)),
    Defaults("Aladdin", "JaCarta Laser", ("11111111",), ("00000000",)),  # [unverified]
    Defaults("Aladdin", "JaCarta GOST", ("1234567890", "0987654321"), ("1234567890", "0987654321")),  # [unverified]
    Defaults("Aladdin", "eToken GOST", ("1234567890",), ("0987654321",)),  # [unverified]
    Defaults("Aladdin", "JaCarta DS", ("12345678",), ("12345678",)),  # [unverified]
    Defaults("Aladdin", "JaCarta", ("11111111", "1234567890"), ("00000000",)),  # [unverified]
    Defaults("SafeNet", "", ("1234567890",), ()),  # [unverified]
    Defaults("Gemalto", "", ("0000", "1234567890"), ()),  # [unverified]
    Defaults("ISBC", "", ("12345678",), ("12345678",)),  # [unverified]
    Defaults("ESMART", "", ("12345678",), ("12345678",)),  # [unverified]
    Defaults("Yubico", "", ("123456",), ("12345678",)),  # [unverified]
    Defaults("piv_II", "", ("123456",), ("12345678",)),  # OpenSC's word for PIV cards, YubiKeys too [unverified]
    Defaults("Nitrokey", "", ("123456",), ("12345678",)),  # [unverified]
)


def is_default(info: TokenInfo, secret: bytes, *, officer: bool = False) -> bool:
    """Whether this PIN, which was right, is the vendor's. `officer`: of the security officer, or the PUK."""
    for row in DEFAULTS:
        if _begins(info.manufacturer, row.manufacturer) and _begins(info.model, row.model):
            known = row.officer if officer else row.user
            return sum(hmac.compare_digest(secret, one.encode("ascii")) for one in known) > 0
    return False


def _begins(told: str, wanted: str) -> bool:
    return told.casefold().startswith(wanted.casefold())
