"""What a certificate's extensions say its key is for, read leniently: one that is malformed says nothing.

Here they only decide what is offered for signing; whoever checks a path reads them strictly.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import msgspec

from agent.certificates import der

_EXTENSIONS = 0xA3  # [3] EXPLICIT in TBSCertificate
_BOOLEAN = 0x01
_KEY_NOT_BEFORE, _KEY_NOT_AFTER = 0x80, 0x81  # [0] and [1] IMPLICIT GeneralizedTime
_KEY_PERIOD = "2.5.29.16"
_POLICIES = "2.5.29.32"
_EXTENDED_KEY_USAGE = "2.5.29.37"
_SUBJECT_SIGN_TOOL, _ISSUER_SIGN_TOOL = "1.2.643.100.111", "1.2.643.100.112"
_MAX_NAMES = 256  # policies, purposes


class Usage(msgspec.Struct, frozen=True):
    policies: tuple[str, ...] = ()  # certificatePolicies (RFC 5280 section 4.2.1.4), dotted
    purposes: tuple[str, ...] | None = None  # extKeyUsage (section 4.2.1.12), dotted; None: no such extension
    key_not_before: datetime.datetime | None = None  # UTC; privateKeyUsagePeriod (RFC 3280 section 4.2.1.4)
    key_not_after: datetime.datetime | None = None  # UTC
    names_sign_tools: bool = False  # subjectSignTool and issuerSignTool (order of the FSB 27.12.2011 No 795)


UNSAID = Usage()


def read_usage(certificate: bytes) -> Usage:
    """Of a certificate in DER that `description.describe` can read. Raises nothing."""
    try:
        found = dict(_pairs(certificate))
    except (ValueError, StopIteration):
        return UNSAID
    begins, ends = _key_period(found.get(_KEY_PERIOD))
    return Usage(
        policies=_policies(found.get(_POLICIES)),
        purposes=_purposes(found.get(_EXTENDED_KEY_USAGE)),
        key_not_before=begins,
        key_not_after=ends,
        names_sign_tools=_SUBJECT_SIGN_TOOL in found and _ISSUER_SIGN_TOOL in found,
    )


def _pairs(certificate: bytes) -> Iterator[tuple[str, bytes]]:
    """Identifier and extnValue of each extension."""
    body = next(der.read(certificate).children())
    for part in body.children():
        if part.tag == _EXTENSIONS:
            (listed,) = part.children()
            for extension in listed.children():
                kind, *flag, value = extension.children()
                if value.tag == der.OCTET_STRING and [one.tag for one in flag] in ([], [_BOOLEAN]):
                    yield der.dotted(kind), value.contents


def _policies(value: bytes | None) -> tuple[str, ...]:
    try:
        listed = list(_sequence(value))[:_MAX_NAMES] if value is not None else []
        return tuple(der.dotted(next(one.children())) for one in listed)
    except (ValueError, StopIteration):
        return ()


def _purposes(value: bytes | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    try:
        return tuple(der.dotted(one) for one in list(_sequence(value))[:_MAX_NAMES])
    except ValueError:
        return ()


def _key_period(value: bytes | None) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    try:
        times = {one.tag: _time(one.contents) for one in _sequence(value)} if value is not None else {}
    except ValueError:
        return None, None
    return times.get(_KEY_NOT_BEFORE), times.get(_KEY_NOT_AFTER)


def _sequence(value: bytes) -> Iterator[der.Element]:
    element = der.read(value)
    if element.tag != der.SEQUENCE or element.end != len(value):
        raise ValueError("sequence")
    return element.children()


def _time(octets: bytes) -> datetime.datetime:
    """GeneralizedTime in whole seconds of UTC, the only form of RFC 5280 section 4.1.2.5.2. Raises ValueError."""
    return datetime.datetime.strptime(octets.decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.UTC)
