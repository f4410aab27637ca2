"""Extensions of certificates and revocation lists (RFC 5280 sections 4.2 and 5.2), read strictly as DER."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent.certificates import der

EXTENDED_KEY_USAGE = "2.5.29.37"
AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
OCSP_ACCESS = "1.3.6.1.5.5.7.48.1"
ISSUERS_ACCESS = "1.3.6.1.5.5.7.48.2"
OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"

_BOOLEAN = 0x01
_CONSTRUCTED_0, _CONSTRUCTED_3 = 0xA0, 0xA3
_URI = 0x86  # [6] of GeneralName


class Extension(NamedTuple):
    critical: bool
    value: bytes  # DER


def of_certificate(certificate: bytes) -> dict[str, Extension]:
    """By dotted OID; `certificate` is DER. Raises ValueError, also where one stands twice."""
    body = next(der.read(certificate).children())
    last = list(body.children())[-1]
    if last.tag != _CONSTRUCTED_3:
        return {}
    return read(der.read(last.contents).children())


def read(elements: Iterable[der.Element]) -> dict[str, Extension]:
    """The elements of Extensions, by dotted OID. Raises ValueError."""
    found: dict[str, Extension] = {}
    for element in elements:
        kind, *middle, value = element.children()
        name = der.dotted(kind)
        if name in found or value.tag != der.OCTET_STRING or len(middle) > 1:
            raise ValueError("extension")
        critical = bool(middle) and middle[0].tag == _BOOLEAN and middle[0].contents != b"\0"
        found[name] = Extension(critical, value.contents)
    return found


def purposes(extensions: dict[str, Extension]) -> tuple[str, ...]:
    """Dotted OIDs of extended key usage; empty where there is none. Raises ValueError."""
    extension = extensions.get(EXTENDED_KEY_USAGE)
    return tuple(map(der.dotted, der.read(extension.value).children())) if extension else ()


def access(extensions: dict[str, Extension], method: str) -> tuple[str, ...]:
    """URIs of authorityInfoAccess by one method (OCSP_ACCESS, ISSUERS_ACCESS). Raises ValueError."""
    extension = extensions.get(AUTHORITY_INFORMATION_ACCESS)
    if extension is None:
        return ()
    found = []
    for description in der.read(extension.value).children():
        kind, place = description.children()
        if der.dotted(kind) == method and place.tag == _URI:
            found.append(place.contents.decode("ascii"))
    return tuple(found)


def lists(extensions: dict[str, Extension]) -> tuple[str, ...]:
    """URIs of cRLDistributionPoints whose lists are the issuer's own and for all reasons. Raises ValueError."""
    extension = extensions.get(CRL_DISTRIBUTION_POINTS)
    if extension is None:
        return ()
    found: list[str] = []
    for point in der.read(extension.value).children():
        parts = list(point.children())
        if [part.tag for part in parts] != [_CONSTRUCTED_0]:  # [1]: some reasons only; [2]: another issuer's list
            continue
        for name in parts[0].children():
            if name.tag == _CONSTRUCTED_0:  # fullName
                found += (one.contents.decode("ascii") for one in name.children() if one.tag == _URI)
    return tuple(found)
