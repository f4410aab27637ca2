"""Asking an OCSP responder about one certificate (RFC 6960): the request, and what the answer says. Pure.

SHA-1 names the certificate in the request, since many responders know nothing else (RFC 5019 section 2.1.1); nothing
is signed with it.
"""

from __future__ import annotations

import datetime

import msgspec

from agent.algorithms import DIGESTS, new_digest
from agent.certificates import der, extensions
from agent.certificates.chain import is_signed_by
from agent.certificates.description import Description, describe
from agent.errors import CertificateDamaged
from agent.timestamp.times import generalized
from agent.trust.signed import check_signature
from agent.trust.status import SKEW, Revoked, Unusable

MAX_RESPONSE = 256 << 10  # octets
FRESH = datetime.timedelta(hours=1)  # for answers that do not say when the next one comes

_SHA1 = "1.3.14.3.2.26"
_HASHES = {_SHA1: "sha1", **{digest.oid: digest.name for digest in DIGESTS}}
_BASIC, _NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"
_ENUMERATED = 0x0A
_CONSTRUCTED_0, _CONSTRUCTED_1, _CONSTRUCTED_2 = 0xA0, 0xA1, 0xA2
_GOOD, _REVOKED = 0x80, 0xA1  # CertStatus


class Answer(msgspec.Struct, frozen=True):
    """The certificate is good, says the responder."""

    responder: Description
    unchecked: bool  # the responder's own certificate is another one's, and may have been revoked


def request(certificate: Description, issuer: Description, nonce: bytes) -> bytes:
    """DER of an OCSPRequest."""
    name, key = _hashes(issuer, "sha1")
    identifier = der.sequence(
        der.sequence(der.oid(_SHA1), der.NULL),
        der.tlv(der.OCTET_STRING, name),
        der.tlv(der.OCTET_STRING, key),
        der.integer(certificate.serial_number),
    )
    extension = der.sequence(der.oid(_NONCE), der.tlv(der.OCTET_STRING, der.tlv(der.OCTET_STRING, nonce)))
    listed = der.sequence(der.sequence(identifier))
    return der.sequence(der.sequence(listed, der.tlv(_CONSTRUCTED_2, der.sequence(extension))))


def read(
    response: bytes, certificate: Description, issuer: Description, nonce: bytes | None, now: datetime.datetime
) -> Answer:
    """What a response says of the certificate. `nonce` None: somebody else asked. Raises Revoked, Unusable.

    1. the structure  2. who answered  3. the signature  4. the nonce, where the responder gives it back  5. the answer
    about this certificate, and its age
    """
    try:
        return _read(response, certificate, issuer, nonce, now)
    except (ValueError, StopIteration, IndexError, CertificateDamaged) as error:
        raise Unusable("damaged") from error


def _read(
    response: bytes, certificate: Description, issuer: Description, nonce: bytes | None, now: datetime.datetime
) -> Answer:
    # 1.
    basic = der.read(_basic(response))
    body, algorithm, value, *more = basic.children()
    if basic.tag != der.SEQUENCE or any(part.tag != _CONSTRUCTED_0 for part in more):
        raise Unusable("damaged")
    parts = list(body.children())
    if parts[0].tag == _CONSTRUCTED_0:  # version
        parts = parts[1:]
    name, produced, responses, *rest = parts
    # 2.
    carried = [one.whole for part in more for one in next(part.children()).children()]
    answer = _responder(name, carried, issuer, generalized(produced))
    # 3.
    check_signature((body, algorithm, value), answer.responder.public_key)
    # 4.
    found = extensions.read(next(rest[0].children()).children()) if rest else {}
    answered = found[_NONCE].value if _NONCE in found else nonce
    if nonce is not None and answered not in (der.tlv(der.OCTET_STRING, nonce), nonce):
        raise Unusable("nonce")
    # 5.
    for single in responses.children():
        identifier, status, updated, *others = single.children()
        if _is_about(identifier, certificate, issuer):
            _check_age(updated, others, now)
            _check_status(status)
            return answer
    raise Unusable("unknown")


def _basic(response: bytes) -> bytes:
    """DER of the BasicOCSPResponse."""
    whole = der.read(response)
    status, *explicit = whole.children()
    if whole.end != len(response) or (whole.tag, status.tag) != (der.SEQUENCE, _ENUMERATED):
        raise Unusable("damaged")
    if status.contents != b"\0" or not explicit:
        raise Unusable("rejected")
    (inside,) = explicit[0].children()
    kind, octets = inside.children()
    tags = explicit[0].tag, inside.tag, octets.tag
    if der.dotted(kind) != _BASIC or tags != (_CONSTRUCTED_0, der.SEQUENCE, der.OCTET_STRING):
        raise Unusable("damaged")
    return octets.contents


def _responder(name: der.Element, carried: list[bytes], issuer: Description, moment: datetime.datetime) -> Answer:
    """The issuer itself, or somebody with a certificate of the issuer's for this purpose (section 4.2.2.2)."""
    if _is_named(name, issuer):
        return Answer(issuer, False)
    for one in map(describe, carried):
        if not _is_named(name, one):
            continue
        found = extensions.of_certificate(one.der)
        if one.issuer_der != issuer.subject_der or is_signed_by(one.der, issuer.public_key) is not True:
            raise Unusable("certificate")
        if extensions.OCSP_SIGNING not in extensions.purposes(found):
            raise Unusable("purpose")
        if not one.not_before - SKEW <= moment <= one.not_after + SKEW:
            raise Unusable("expired")
        return Answer(one, extensions.OCSP_NO_CHECK not in found)
    raise Unusable("certificate")


def _is_named(name: der.Element, certificate: Description) -> bool:
    """ResponderID: by name, or by the SHA-1 of the key."""
    (inside,) = name.children()
    if name.tag == _CONSTRUCTED_1:
        return inside.whole == certificate.subject_der
    return name.tag == _CONSTRUCTED_2 and inside.contents == _hashes(certificate, "sha1")[1]


def _hashes(issuer: Description, name: str) -> tuple[bytes, bytes]:
    """Of the subject's name, and of the key: the contents of its BIT STRING without the first octet."""
    _algorithm, key = der.read(issuer.public_key).children()
    return new_digest(name, issuer.subject_der).digest(), new_digest(name, key.contents[1:]).digest()


def _is_about(identifier: der.Element, certificate: Description, issuer: Description) -> bool:
    algorithm, name, key, serial = identifier.children()
    hashing = _HASHES.get(der.dotted(next(algorithm.children())))
    if hashing is None or serial.whole != der.integer(certificate.serial_number):
        return False
    return (name.contents, key.contents) == _hashes(issuer, hashing)


def _check_age(updated: der.Element, others: list[der.Element], now: datetime.datetime) -> None:
    since = generalized(updated)
    following = [generalized(next(one.children())) for one in others if one.tag == _CONSTRUCTED_0]
    until = following[0] if following else since + FRESH
    if not since - SKEW <= now <= until + SKEW:
        raise Unusable("stale")


def _check_status(status: der.Element) -> None:
    if status.tag == _GOOD:
        return
    if status.tag != _REVOKED:
        raise Unusable("unknown")
    moment, *reason = status.children()
    code = int.from_bytes(next(reason[0].children()).contents, "big") if reason else 0
    raise Revoked(generalized(moment), code)
