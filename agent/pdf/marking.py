"""The words of a visible mark.

GOST R 7.0.97-2016 section 5.23 wants the phrase, and number, owner and validity of the certificate.
The mark is for people and proves nothing: the signature beside it does.
"""

from __future__ import annotations

from agent.certificates.description import Description
from agent.errors import BadParameters
from agent.texts.catalogue import text

MAX_LINES = 20
MAX_CHARACTERS = 1024


def lines(wording: str | None, certificate: Description | None, language: str) -> tuple[str, ...]:
    """The lines of the mark; `wording` in place of the standard ones. Without a certificate, the heading alone. Raises
    BadParameters."""
    if wording is None:
        return _standard(certificate, language) if certificate else (text("mark.heading", language),)
    found = tuple(_clean(line) for line in wording.splitlines())
    if not any(found) or len(found) > MAX_LINES or len(wording) > MAX_CHARACTERS:
        raise BadParameters(detail="the text of the mark is empty or too long")
    return found


def _standard(certificate: Description, language: str) -> tuple[str, ...]:
    facts = {
        "serial": certificate.serial.upper(),
        "owner": _clean(certificate.owner)[:MAX_CHARACTERS],
        "from_day": f"{certificate.not_before:%d.%m.%Y}",
        "to_day": f"{certificate.not_after:%d.%m.%Y}",
    }
    return tuple(text(f"mark.{key}", language, **facts) for key in ("heading", "certificate", "owner", "validity"))


def _clean(line: str) -> str:
    """Without characters that cannot be seen; such as turn the direction of writing have no place in a mark either."""
    return "".join(one if one.isprintable() else " " for one in line).strip()
