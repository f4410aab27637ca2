"""Where a certificate is revoked, and the words to do it with (R44). What is said of authorities is what they publish;
whether an office takes an application today, only it can say.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from agent.certificates import extensions
from agent.certificates.description import Description
from agent.texts.catalogue import text
from agent.texts.visible import visible

# Whose certificate it is: a name (`lost.where.NAME` is worded), and what stands in the issuer's name, small letters
PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fns", ("федеральная налоговая служба", "фнс россии", "federal tax service")),
    ("treasury", ("федеральное казначейство", "казначейство россии")),
    ("cbr", ("центральный банк российской федерации", "банк россии")),
    ("demo", ("pero demo",)),
)
OTHER = "other"
UNKNOWN = "unknown"  # the certificate is not at hand
_RUSSIAN = ("fns", "treasury", "cbr")
MAX_SITES = 3


class Advice(NamedTuple):
    place: str  # one of PLACES, OTHER, UNKNOWN
    sites: tuple[str, ...]  # hosts that the certificate itself names: the authority's own
    language: str  # of the statement: authorities of the state take Russian


def advice(certificate: Description | None, language: str) -> Advice:
    if certificate is None:
        return Advice(UNKNOWN, (), language)
    issuer = certificate.issuer.casefold()
    place = next((name for name, words in PLACES if any(word in issuer for word in words)), OTHER)
    return Advice(place, _sites(certificate), "ru" if place in _RUSSIAN else language)


def _sites(certificate: Description) -> tuple[str, ...]:
    """Hosts out of the addresses of lists and issuers. They are a stranger's words: shown, and not gone to."""
    try:
        found = extensions.of_certificate(certificate.der)
        addresses = (*extensions.access(found, extensions.ISSUERS_ACCESS), *extensions.lists(found))
        hosts = [urlsplit(address).hostname or "" for address in addresses]
    except (ValueError, StopIteration):
        return ()
    return tuple(dict.fromkeys(visible(host) for host in hosts if host))[:MAX_SITES]


def statement(
    certificate: Description | None, serial: str, owner: str, circumstances: str, now: datetime, language: str
) -> str:
    """What is written to the authority, to be copied. Of a certificate that is not at hand what is known of it.

    `now`: UTC, when the holder says so. What is not known is left as a line to be filled in.
    """
    blank = "____________"
    details = dict(certificate.details) if certificate else {}
    values = {
        "owner": certificate.owner if certificate else owner,
        "organisation": details.get("certificate.organisation", ""),
        "inn": details.get("certificate.inn", ""),
        "ogrn": details.get("certificate.ogrn", ""),
        "snils": details.get("certificate.snils", ""),
        "serial": certificate.serial.upper() if certificate else serial.upper(),
        "issuer": details.get("certificate.issuer", certificate.issuer) if certificate else "",
        "validity": f"{certificate.not_before:%d.%m.%Y} — {certificate.not_after:%d.%m.%Y}" if certificate else "",
        "circumstances": circumstances,
    }
    needed = ("owner", "serial", "issuer", "circumstances")
    lines = [text("lost.statement.title", language), "", text("lost.statement.ask", language), ""]
    for name, value in values.items():
        if value or name in needed:
            lines.append(f"{text(f'lost.statement.{name}', language)}: {visible(value) if value else blank}")
    lines += ["", text("lost.statement.when", language, moment=f"{now:%d.%m.%Y %H:%M} UTC")]
    return "\n".join(lines) + "\n"
