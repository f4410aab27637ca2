"""Issuers of a certificate out of certificates that lie about: names, key identifiers, signatures. No trust is said."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from agent.algorithms import SHA256, SHA384, SHA512, STREEBOG256, STREEBOG512, algorithm_for, new_digest
from agent.certificates import der
from agent.certificates.description import Description, describe
from agent.certificates.signatures import is_signature
from agent.errors import CertificateDamaged

MAX_CHAIN = 8  # certificates above the signer's

# signatureAlgorithm that names key and digest (RFC 4055 section 5, RFC 5758 section 3.2, RFC 9215 section 2): of
# certificates, and in place of the row of ALGORITHMS of some SignerInfos.
SIGNATURES_WITH_DIGEST = {
    "1.2.840.113549.1.1.11": ("rsa", SHA256),
    "1.2.840.113549.1.1.12": ("rsa", SHA384),
    "1.2.840.113549.1.1.13": ("rsa", SHA512),
    "1.2.840.10045.4.3.2": ("ec", SHA256),
    "1.2.840.10045.4.3.3": ("ec", SHA384),
    "1.2.840.10045.4.3.4": ("ec", SHA512),
    "1.2.643.7.1.1.3.2": ("gost256", STREEBOG256),
    "1.2.643.7.1.1.3.3": ("gost512", STREEBOG512),
}
_BY_OID = {der.oid(dotted): algorithm_for(*row) for dotted, row in SIGNATURES_WITH_DIGEST.items()}


def chain_for(leaf: bytes, candidates: Iterable[bytes]) -> tuple[bytes, ...]:
    """DER of the issuers of `leaf` found among `candidates`, nearest first, as far up as they go; without the leaf.

    An issuer fits by name and, where both certificates have one, by key identifier; where the signature is RSA or ECDSA
    with SHA-2, or GOST R 34.10-2012, it must verify. Validity periods are not looked at. Damaged candidates are passed
    over; a damaged leaf raises CertificateDamaged.
    """
    current = describe(leaf)
    known = _readable(candidates)
    found: list[bytes] = []
    while len(found) < MAX_CHAIN and current.issuer_der != current.subject_der:
        issuer = next((one for one in known if one.der not in found and _issued(current, one)), None)
        if issuer is None:
            break
        found.append(issuer.der)
        current = issuer
    return tuple(found)


def issuers_above(leaf: bytes, candidates: Iterable[bytes], limit: int) -> tuple[bytes, ...]:
    """DER of at most `limit` of the candidates that stand above `leaf` by any way of names, nearest first. Those that
    fit as in `chain_for` come before those that fit by name alone. Raises CertificateDamaged for the leaf alone."""
    known = _readable(candidates)
    found: dict[bytes, Description] = {}
    level = [describe(leaf)]
    while level and len(found) < limit:
        issuers = {below.issuer_der for below in level}
        above = [one for one in known if one.der not in found and one.subject_der in issuers]
        above.sort(key=lambda one: not any(_issued(below, one) for below in level))
        level = above[: limit - len(found)]
        found |= {one.der: one for one in level}
    return tuple(found)


def _readable(candidates: Iterable[bytes]) -> list[Description]:
    known = []
    for candidate in dict.fromkeys(candidates):
        try:
            known.append(describe(candidate))
        except CertificateDamaged:
            continue
    return known


def _issued(subject: Description, issuer: Description) -> bool:
    if subject.issuer_der != issuer.subject_der or subject.der == issuer.der or not issuer.is_authority:
        return False
    wanted, offered = subject.authority_key_identifier, issuer.subject_key_identifier
    if wanted is not None and offered is not None and wanted != offered:
        return False
    return is_signed_by(subject.der, issuer.public_key) is not False


@functools.lru_cache(maxsize=128)
def is_signed_by(certificate: bytes, public_key: bytes) -> bool | None:
    """Whether the certificate's signature verifies; None where its algorithm is none of ours. A revocation list or a
    request, which is signed in the same structure, is taken too."""
    try:
        body, algorithm_element, value = der.read(certificate).children()
        algorithm = _BY_OID.get(next(algorithm_element.children()).whole)
    except (ValueError, StopIteration):
        return False
    if algorithm is None:
        return None
    if value.tag != der.BIT_STRING or value.contents[:1] != b"\0":
        return False
    digest = new_digest(algorithm.digest.name, body.whole).digest()
    return is_signature(public_key, algorithm, digest, value.contents[1:])
