"""Who holds a certificate, by the numbers that Russian authorities give, and whether it has the qualified form.

Certificates of organisations carry the organisation's INN in INNLE or, older ones, in INN with "00" before it; the
twelve digits of INN are otherwise those of a person.
"""

from __future__ import annotations

import functools

import msgspec

from agent.certificates import gost_keys, names
from agent.certificates.description import Description

_TOOL_CLASSES = "1.2.643.100.113."  # certificate policies КС1 to КА1
_OF_ORGANISATION = "00"  # before ten digits in INN


class Numbers(msgspec.Struct, frozen=True):
    """Digits only. Several of a kind in one certificate are all here: such a one is nobody's in particular."""

    inn: frozenset[str] = frozenset()  # of the person, 12 digits
    inn_le: frozenset[str] = frozenset()  # of the organisation, 10 digits
    ogrn: frozenset[str] = frozenset()  # of the organisation, 13 digits
    ogrnip: frozenset[str] = frozenset()  # of the sole proprietor, 15 digits
    snils: frozenset[str] = frozenset()  # of the person, 11 digits


def numbers(certificate: Description) -> Numbers:
    return _numbers(certificate.subject_der)


@functools.lru_cache(maxsize=1024)
def _numbers(subject: bytes) -> Numbers:
    found: dict[str, set[str]] = {}
    for rdn in names.read_name(subject):
        for attribute in rdn:
            if attribute.is_text:
                found.setdefault(attribute.name, set()).add(_digits(attribute.value))
    given = found.get("INN", set())
    organisations = {one for one in given if organisation(one)}
    return Numbers(
        inn=frozenset(given - organisations),
        inn_le=frozenset(found.get("INNLE", set()) | set(map(organisation, organisations))),
        ogrn=frozenset(found.get("OGRN", ())),
        ogrnip=frozenset(found.get("OGRNIP", ())),
        snils=frozenset(found.get("SNILS", ())),
    )


def organisation(inn: str) -> str:
    """The ten digits of an organisation's INN, which may have "00" before them; empty for a person's."""
    if len(inn) == 12 and inn.startswith(_OF_ORGANISATION):
        return inn[len(_OF_ORGANISATION) :]
    return inn if len(inn) == 10 else ""


def _digits(value: str) -> str:
    """Without the separators that people write: 112-233-445 95."""
    return value.strip().replace("-", "").replace(" ", "")


def is_formed_as_qualified(certificate: Description) -> bool:
    """Whether it has the form of a qualified certificate: both sign tools, a class of tools, SNILS or OGRN, a GOST key.

    The form alone: whether its issuer is accredited is not looked at, and anybody can issue a certificate like it.
    """
    held = numbers(certificate)
    usage = certificate.usage
    return (
        usage.names_sign_tools
        and any(policy.startswith(_TOOL_CLASSES) for policy in usage.policies)
        and bool(held.snils or held.ogrn or held.ogrnip)
        and certificate.key_type in gost_keys.TYPES
    )
