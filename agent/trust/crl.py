"""What a certificate revocation list says of one certificate (RFC 5280 section 5). Pure.

Complete lists of the certificate's own issuer are taken; delta lists and lists about other issuers' certificates are
not. A list may hold a million entries: it is searched, and its entries are read only where the number is found.
"""

from __future__ import annotations

import datetime

from agent.certificates import der, extensions, pem
from agent.certificates.description import Description
from agent.timestamp.times import time
from agent.trust.signed import check_signature
from agent.trust.status import SKEW, Revoked, Unusable

MAX_LIST = 16 << 20  # octets

_LABELS = frozenset({"X509 CRL"})
_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)
_CONSTRUCTED_0 = 0xA0
_URI = 0x86
_ISSUING_POINT, _REASON = "2.5.29.28", "2.5.29.21"
_UNDERSTOOD = frozenset({"2.5.29.20", "2.5.29.35", _ISSUING_POINT})  # number, authority's key, issuing point
_DELTA = "2.5.29.27"
_REMOVED = 8  # removeFromCRL
_ONLY_USERS, _ONLY_AUTHORITIES = 0x81, 0x82


def bare(content: bytes) -> bytes:
    """DER of a list that came as DER or PEM. Raises Unusable."""
    try:
        return pem.blocks(content, _LABELS)[0] if pem.is_armoured(content[:64]) else content
    except (ValueError, IndexError) as error:
        raise Unusable("damaged") from error


def check(encoded: bytes, certificate: Description, issuer: Description, now: datetime.datetime) -> datetime.datetime:
    """When the next list comes, where this one (DER) does not name the certificate. Raises Revoked, Unusable.

    1. the structure  2. the issuer and its signature  3. the age  4. whether it is about such certificates  5. the
    entry
    """
    try:
        return _check(encoded, certificate, issuer, now)
    except (ValueError, StopIteration, IndexError) as error:
        raise Unusable("damaged") from error


def _check(encoded: bytes, certificate: Description, issuer: Description, now: datetime.datetime) -> datetime.datetime:
    # 1.
    whole = der.read(encoded)
    body, algorithm, value = whole.children()
    parts = list(body.children())
    if parts[0].tag == der.INTEGER:  # version
        parts = parts[1:]
    _signature, name, since, *rest = parts
    following = rest.pop(0) if rest and rest[0].tag in _TIMES else None
    entries = rest.pop(0) if rest and rest[0].tag == der.SEQUENCE else None
    found = extensions.read(next(rest[0].children()).children()) if rest and rest[0].tag == _CONSTRUCTED_0 else {}
    if whole.end != len(encoded) or whole.tag != der.SEQUENCE:
        raise Unusable("damaged")
    # 2.
    if name.whole != certificate.issuer_der:
        raise Unusable("scope")
    if issuer.key_usage is not None and "crl_sign" not in issuer.key_usage:
        raise Unusable("purpose")
    check_signature((body, algorithm, value), issuer.public_key)
    # 3.
    if following is None or not time(since) - SKEW <= now <= time(following) + SKEW:
        raise Unusable("stale")
    # 4.
    _check_scope(found, certificate)
    # 5.
    if entries is not None:
        _check_entries(entries, certificate.serial_number)
    return time(following)


def _check_scope(found: dict[str, extensions.Extension], certificate: Description) -> None:
    unknown = [name for name, extension in found.items() if extension.critical and name not in _UNDERSTOOD]
    if unknown or _DELTA in found:
        raise Unusable("scope")
    if _ISSUING_POINT in found:
        _check_issuing_point(found[_ISSUING_POINT].value, certificate)


def _check_issuing_point(value: bytes, certificate: Description) -> None:
    """IssuingDistributionPoint (section 5.2.5): one part of the issuer's certificates, or one kind of them."""
    for part in der.read(value).children():
        if part.tag == _CONSTRUCTED_0:
            places = {one.contents for names in part.children() for one in names.children() if one.tag == _URI}
            own = {one.encode() for one in extensions.lists(extensions.of_certificate(certificate.der))}
            wrong = not places & own
        elif part.tag in (_ONLY_USERS, _ONLY_AUTHORITIES):
            wrong = part.contents != b"\0" and certificate.is_authority == (part.tag == _ONLY_USERS)
        else:  # some reasons only, other issuers' certificates, attribute certificates
            wrong = part.contents != b"\0"
        if wrong:
            raise Unusable("scope")


def _check_entries(entries: der.Element, serial: int) -> None:
    wanted = der.integer(serial)
    if entries.source.find(wanted, entries.body, entries.end) < 0:
        return
    for entry in entries.children():
        number, moment, *more = entry.children()
        if number.whole != wanted:
            continue
        found = extensions.read(more[0].children()) if more else {}
        reason = der.read(found[_REASON].value).contents[0] if _REASON in found else 0
        if reason != _REMOVED:
            raise Revoked(time(moment), reason)
