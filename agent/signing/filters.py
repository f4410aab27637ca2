"""What a request wants of a certificate, and why one is not what it wants.

A page that asks for the certificate of one person never gets another's: what holds here is offered, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from agent.certificates import holder
from agent.certificates.description import Description

MAX_FILTER = 64  # entries of each list of a filter
MAX_FILTER_NAME = 1024  # characters of each
MAX_DAYS = 3660  # of validity to come
_Name = Annotated[str, msgspec.Meta(max_length=MAX_FILTER_NAME)]
_Names = Annotated[tuple[_Name, ...], msgspec.Meta(max_length=MAX_FILTER)]
_Serial = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{1,64}$")]
_Oid = Annotated[str, msgspec.Meta(pattern=r"^[0-2](\.(0|[1-9][0-9]*)){1,63}$", max_length=256)]
_Oids = Annotated[tuple[_Oid, ...], msgspec.Meta(max_length=MAX_FILTER)]
_Bits = Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=65536)], ...], msgspec.Meta(max_length=MAX_FILTER)]
_Usage = Literal[
    "digital_signature", "non_repudiation", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
]  # fmt: skip
_Usages = Annotated[tuple[_Usage, ...], msgspec.Meta(max_length=9)]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a certificate; fields left out ask nothing. All of them must hold."""

    thumbprints: _Names | None = None  # one of these; SHA-256, lower-case hex
    issuer: _Name | None = None  # part of the issuer's name (RFC 4514), in any case
    subject: _Name | None = None  # part of the subject's name, likewise
    serial: _Serial | None = None  # hex, in any case
    key_types: _Names | None = None  # one of "rsa", "ec", "gost256", "gost512"
    key_sizes: _Bits | None = None  # one of these, in bits
    key_usage: _Usages | None = None  # all of these (RFC 5280 section 4.2.1.3)
    purposes: _Oids | None = None  # all of these in its extended key usage (section 4.2.1.12)
    policies: _Oids | None = None  # one of these (section 4.2.1.4)
    valid_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # ISO 8601 with its zone
    valid_days: Annotated[int, msgspec.Meta(ge=0, le=MAX_DAYS)] | None = None  # from now on, with its key's period
    inn: Annotated[str, msgspec.Meta(pattern="^([0-9]{10}|[0-9]{12})$")] | None = None  # of a person or organisation
    inn_le: Annotated[str, msgspec.Meta(pattern="^[0-9]{10}$")] | None = None
    ogrn: Annotated[str, msgspec.Meta(pattern="^[0-9]{13}$")] | None = None
    ogrnip: Annotated[str, msgspec.Meta(pattern="^[0-9]{15}$")] | None = None
    snils: Annotated[str, msgspec.Meta(pattern="^[0-9]{11}$")] | None = None
    qualified: bool = False  # True: formed as a qualified one (`holder`); False asks nothing

    def misfits(self, certificate: Description, now: datetime) -> tuple[str, ...]:
        """Why this is not a certificate that is asked for: names of the catalogue ("problem.other_inn")."""
        return tuple(name for name, holds in RULES if not holds(self, certificate, now))


Rule = Callable[[Filter, Description, datetime], bool]


def _thumbprint(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.thumbprints is None or certificate.thumbprint in wanted.thumbprints


def _issuer(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.issuer is None or wanted.issuer.casefold() in certificate.issuer.casefold()


def _subject(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.subject is None or wanted.subject.casefold() in certificate.subject.casefold()


def _serial(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.serial is None or int(wanted.serial, 16) == certificate.serial_number


def _key(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return (wanted.key_types is None or certificate.key_type in wanted.key_types) and (
        wanted.key_sizes is None or certificate.bits in wanted.key_sizes
    )


def _usage(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    """A certificate without the extension may be used for anything (RFC 5280 section 4.2.1.3)."""
    usage, purposes = certificate.key_usage, certificate.usage.purposes
    return (wanted.key_usage is None or usage is None or usage >= set(wanted.key_usage)) and (
        wanted.purposes is None or (purposes is not None and set(purposes) >= set(wanted.purposes))
    )


def _policy(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.policies is None or not set(wanted.policies).isdisjoint(certificate.usage.policies)


def _validity(wanted: Filter, certificate: Description, now: datetime) -> bool:
    moments = [wanted.valid_at] if wanted.valid_at is not None else []
    if wanted.valid_days is not None:
        moments += [now, now + timedelta(days=wanted.valid_days)]
    begins, ends = certificate.usage.key_not_before, certificate.usage.key_not_after
    return all(
        certificate.not_before <= moment <= certificate.not_after
        and (begins is None or begins <= moment)
        and (ends is None or moment <= ends)
        for moment in moments
    )


def _inn(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    """Ten digits, or twelve that begin with "00", are an organisation's; both that are asked for must be there."""
    held = holder.numbers(certificate)
    asked = holder.organisation(wanted.inn) if wanted.inn is not None else ""
    if wanted.inn is not None and not (held.inn_le == {asked} if asked else held.inn == {wanted.inn}):
        return False
    return wanted.inn_le is None or held.inn_le == {wanted.inn_le}


def _ogrn(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    held = holder.numbers(certificate)
    return (wanted.ogrn is None or held.ogrn == {wanted.ogrn}) and (
        wanted.ogrnip is None or held.ogrnip == {wanted.ogrnip}
    )


def _snils(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return wanted.snils is None or holder.numbers(certificate).snils == {wanted.snils}


def _qualified(wanted: Filter, certificate: Description, _now: datetime) -> bool:
    return not wanted.qualified or holder.is_formed_as_qualified(certificate)


RULES: tuple[tuple[str, Rule], ...] = (
    ("other_certificate", _thumbprint),
    ("other_inn", _inn),
    ("other_ogrn", _ogrn),
    ("other_snils", _snils),
    ("other_subject", _subject),
    ("other_issuer", _issuer),
    ("other_serial", _serial),
    ("other_key", _key),
    ("other_usage", _usage),
    ("other_policy", _policy),
    ("other_validity", _validity),
    ("not_qualified", _qualified),
)
