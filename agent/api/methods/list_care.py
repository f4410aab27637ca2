"""`list_care`: what is to be looked after: passphrases of key files and their age, keys that may be lost (R39, R44).

Keys on tokens that are not in the machine are named too, as far as they are remembered: a lost token is never in it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from agent.api.caller import Caller
from agent.api.method import COMMAND, Method, Nothing
from agent.api.services import Services
from agent.care.passphrases import key_files
from agent.certificates.description import describe
from agent.config import Settings, load_settings
from agent.errors import CertificateDamaged, SettingsDamaged
from agent.model import KEY_FILES
from agent.signing.fitting import is_authority, iso

_PATIENCE = 5.0  # seconds for modules that hang


async def list_care(services: Services, _caller: Caller, _parameters: Nothing) -> dict[str, Any]:
    days = _remind_after(services)
    return {
        "paused": services.pause.active,
        "passphrase_days": days,
        "key_files": await asyncio.to_thread(_key_files, services, days),
        "keys": await _keys(services),
    }


def _remind_after(services: Services) -> int:
    try:
        return services.policy.over(load_settings(services.locations.settings)).passphrase_days
    except SettingsDamaged:
        return Settings().passphrase_days


def _key_files(services: Services, days: int) -> list[dict[str, Any]]:
    now = services.now()
    return [
        {
            "thumbprint": one.thumbprint,
            "token": {"label": one.about.file, "serial": one.serial, "module": KEY_FILES},
            "since": iso(one.about.since),
            "days": one.days(now),
            "weak": one.about.weak,
            "old": bool(days) and one.days(now) >= days,
        }
        for one in key_files(services.locations.key_files)
    ]


async def _keys(services: Services) -> list[dict[str, Any]]:
    found = []
    for entry in (await services.tokens.listing_soon(_PATIENCE)).certificates:
        if entry.has_key is False:
            continue
        try:
            one = describe(entry.der)
        except CertificateDamaged:
            continue
        if not is_authority(one):
            place = entry.token.label or entry.token.serial
            found.append(_key(entry.thumbprint, one.serial, one.owner, iso(one.not_after), place))
    present = {(key["serial"], key["owner"]) for key in found}
    away = [one for one in services.endings() if (one.serial, one.owner) not in present]
    return found + [_key("", one.serial, one.owner, iso(one.not_after), one.token) for one in away]


def _key(thumbprint: str, serial: str, owner: str, not_after: str, place: str) -> dict[str, Any]:
    """`thumbprint` empty: the key is not in the machine."""
    return {"thumbprint": thumbprint, "serial": serial, "owner": owner, "not_after": not_after, "token": place}


METHOD = Method("list_care", COMMAND, Nothing, list_care)
