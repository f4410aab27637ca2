"""Certificates as a person is shown them: whose, in which role, until when, where the key is, what is wrong."""

from __future__ import annotations

from typing import Any

from agent.certificates import names
from agent.certificates.description import Description
from agent.certificates.holder import Numbers, is_formed_as_qualified, numbers
from agent.model import KEY_FILES
from agent.signing.fitting import Candidate, iso

ROLES = ("company", "proprietor", "citizen")  # who signs: for an organisation, as a sole proprietor, for themselves


def role(certificate: Description) -> str:
    """One of ROLES, by the numbers in the certificate; without any, by whether it names an organisation."""
    held = numbers(certificate)
    if held.ogrn or held.inn_le:
        return "company"
    if held.ogrnip:
        return "proprietor"
    if not (held.inn or held.snils) and _first(certificate, "O"):
        return "company"
    return "citizen"


def person(certificate: Description) -> str:
    """Whom it names: surname with given name where they stand there, else its owner."""
    surname, given = _first(certificate, "SN"), _first(certificate, "GN")
    return f"{surname} {given}".strip() if surname else certificate.owner


def card(candidate: Candidate) -> dict[str, Any]:
    """CARD of PROTOCOL.md. Texts are as the certificate has them; times ISO 8601 in UTC."""
    found, token = candidate.description, candidate.entry.token
    usage = found.usage
    return {
        "thumbprint": found.thumbprint,
        "owner": found.owner,
        "person": person(found),
        "role": role(found),
        "organization": _first(found, "O"),
        "title": _first(found, "title"),
        "numbers": _numbers(numbers(found)),
        "issuer": dict(found.details)["certificate.issuer"],
        "serial": found.serial,
        "not_before": iso(found.not_before),
        "not_after": iso(found.not_after),
        "key_not_before": iso(usage.key_not_before) if usage.key_not_before else "",
        "key_not_after": iso(usage.key_not_after) if usage.key_not_after else "",
        "qualified_form": is_formed_as_qualified(found),
        "key": found.key,
        "has_key": candidate.entry.has_key,
        "token": {"label": token.label, "serial": token.serial, "module": token.module},
        "key_file": token.module == KEY_FILES,
        "problems": list(candidate.problems),
    }


def _numbers(held: Numbers) -> dict[str, str]:
    """Several of a kind stand beside each other."""
    every = {"inn": held.inn, "inn_le": held.inn_le, "ogrn": held.ogrn, "ogrnip": held.ogrnip, "snils": held.snils}
    return {name: ", ".join(sorted(values)) for name, values in every.items() if values}


def _first(certificate: Description, short: str) -> str:
    return names.first(names.read_name(certificate.subject_der), short) or ""
