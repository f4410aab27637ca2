"""The check of our own signature before it leaves: is it one, of this document, by this certificate?

It reads the finished CMS back with the strict reader of DER, so that what is checked is what leaves. Trust, validity
periods and the rest of verification are not looked at: the person chose the certificate a moment ago.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Sequence
from typing import Literal

import msgspec

from agent.algorithms import ALGORITHMS, SignatureAlgorithm, new_digest
from agent.certificates import der
from agent.certificates.description import Description
from agent.certificates.signatures import is_signature
from agent.cms import attributes as names
from agent.cms.existing import read_existing
from agent.cms.signed_data import (
    SIGNED_DATA,
    SignedData,
    digest_algorithm,
    issuer_and_serial,
    signature_algorithm,
    version,
)
from agent.errors import PeroError, SignatureWrong
from agent.timestamp.token import WrongToken, verify_timestamp
from agent.verification import own_additions

_CONSTRUCTED_0, _CONSTRUCTED_1 = 0xA0, 0xA1
_SIGNER_INFO = (der.INTEGER, der.SEQUENCE, der.SEQUENCE, _CONSTRUCTED_0, der.SEQUENCE, der.OCTET_STRING)
_VERSION_1 = der.integer(1)
Level = Literal["b", "t", "lt"]
Mode = Literal["co_sign", "counter_sign"]


class Wanted(msgspec.Struct, frozen=True):
    """What was asked for, as far as the signature shows it."""

    content_type: str = names.DATA
    cades: bool = True  # signing-certificate-v2 is there; False: it is not
    timed: bool = True  # signing-time is there; False: it is not, as in a PDF
    level: Level = "b"
    existing: bytes | None = None  # what the signature was added to
    mode: Mode = "co_sign"
    signer: int | None = None  # counter_sign: whose signature ours is over; None: the only one's


class _Case(msgspec.Struct, frozen=True):
    content_digest: bytes
    certificate: Description
    wanted: Wanted


def verify_own(
    signature: bytes,
    digest: bytes,
    certificate: Description,
    token: str = "",
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
) -> None:
    """Raise SignatureWrong unless `signature` (DER of a ContentInfo) signs the content of this digest as wanted.

    `digest` is of the content's octets, by the signature's digest algorithm; attached content is digested again. It is
    not looked at for a counter-signature. `token` is the label of the token, for the error. Needs the public key only.

    1. read the structure; the certificate is in it  2. what was there before is there still  3. the one signer that is
    ours  4. attached content  5. the signed attributes  6. the signature value  7. the level: time-stamp, material
    """
    try:
        right = _is_right(signature, _Case(digest, certificate, wanted))
    except (ValueError, StopIteration, IndexError, WrongToken, PeroError) as error:
        raise SignatureWrong(token=token) from error
    if not right:
        raise SignatureWrong(token=token)


def _is_right(signature: bytes, case: _Case) -> bool:
    wanted, certificate = case.wanted, case.certificate
    # 1.
    data, content = read_own(signature)
    if data.content_type != wanted.content_type or certificate.der not in data.certificates:
        return False
    # 2.
    digest = case.content_digest
    over_signature = False
    if wanted.existing is None:
        (ours,) = data.signers
    else:
        before = read_existing(wanted.existing)
        if not own_additions.keeps(data, before.data, content):
            return False
        if wanted.mode == "counter_sign":
            over_signature, target = True, before.signer(wanted.signer)
            ours = own_additions.counter_signature(data, before, target)
        else:
            ours = own_additions.added_signer(data, before)
    # 3.
    signer = _parts(der.read(ours), _SIGNER_INFO)
    algorithm = _algorithm(signer[2].whole, signer[4].whole, certificate.key_type)
    if over_signature:
        digest = new_digest(algorithm.digest.name, target.signature).digest()
    elif content is not None and not hmac.compare_digest(new_digest(algorithm.digest.name, content).digest(), digest):
        return False  # 4.
    if wanted.existing is None and data.digests != (digest_algorithm(algorithm),):
        return False
    # 5. to 7.
    return _signs(signer, algorithm, digest, case, counter=over_signature) and _has_level(signer, data, wanted.level)


def read_own(encoded: bytes) -> tuple[SignedData, memoryview | None]:
    """Strictly as `cms` writes it: DER, the version that RFC 5652 section 5.1 demands. The content is not copied, so it
    is given beside. Raises ValueError."""
    whole = der.read(encoded)
    kind, explicit = _exactly(whole, der.SEQUENCE, der.OBJECT_IDENTIFIER, _CONSTRUCTED_0)
    if whole.end != len(encoded) or kind.whole != der.oid(SIGNED_DATA):
        raise ValueError("structure")
    (body,) = _exactly(explicit, _CONSTRUCTED_0, der.SEQUENCE)
    number, digests, encapsulated, *sets, signers = body.children()
    tags = [part.tag for part in (digests, encapsulated, *sets, signers)]
    revocation = [der.SET, der.SEQUENCE, _CONSTRUCTED_0, _CONSTRUCTED_1, der.SET]
    if body.tag != der.SEQUENCE or tags not in (revocation, [*revocation[:3], der.SET]):
        raise ValueError("structure")
    content_type, content = _content(encapsulated)
    data = SignedData(
        digests=_set(digests),
        content_type=content_type,
        content=None,
        certificates=_set(sets[0]),
        revocation=_set(sets[1]) if sets[1:] else (),
        signers=_set(signers),
    )
    if number.whole != der.integer(version(data)):
        raise ValueError("version")
    return data, content


def _content(encapsulated: der.Element) -> tuple[str, memoryview | None]:
    kind, *content = encapsulated.children()
    if not content:
        return der.dotted(kind), None
    (explicit,) = content
    (octets,) = _exactly(explicit, _CONSTRUCTED_0, der.OCTET_STRING)
    return der.dotted(kind), memoryview(octets.source)[octets.body : octets.end]


def _set(element: der.Element) -> tuple[bytes, ...]:
    """The members of a SET OF, in the order of DER and each once."""
    members = tuple(one.whole for one in element.children())
    if not members or any(one >= other for one, other in itertools.pairwise(members)):
        raise ValueError("order")
    return members


def _exactly(element: der.Element, tag: int, *tags: int) -> tuple[der.Element, ...]:
    """The children of an element of this tag, which must be of these tags."""
    children = tuple(element.children())
    if element.tag != tag or tuple(child.tag for child in children) != tags:
        raise ValueError("structure")
    return children


def _parts(signer: der.Element, tags: Sequence[int]) -> tuple[der.Element, ...]:
    """The fields of a SignerInfo, with or without unsigned attributes."""
    children = tuple(signer.children())
    found = tuple(child.tag for child in children)
    if signer.tag != der.SEQUENCE or found not in (tags, (*tags, _CONSTRUCTED_1)):
        raise ValueError("structure")
    return children


def _algorithm(digest: bytes, signature: bytes, key_type: str) -> SignatureAlgorithm:
    """The row of these AlgorithmIdentifiers, as `cms` writes them."""
    for row in ALGORITHMS:
        if row.key_type == key_type and (digest_algorithm(row), signature_algorithm(row)) == (digest, signature):
            return row
    raise ValueError("algorithm")


def _signs(
    signer: tuple[der.Element, ...], algorithm: SignatureAlgorithm, digest: bytes, case: _Case, *, counter: bool
) -> bool:
    """Steps 5 and 6, and whether the SignerInfo names the certificate."""
    certificate, wanted = case.certificate, case.wanted
    number, identifier, _digest, attributes, _signing, value, *_unsigned = signer
    if number.whole != _VERSION_1:
        return False
    if identifier.whole != issuer_and_serial(certificate.issuer_der, certificate.serial_number):
        return False
    # 5.
    found = _attributes(attributes)
    content_type = None if counter else der.oid(wanted.content_type)
    if found.get(names.CONTENT_TYPE) != content_type or (names.SIGNING_TIME in found) != wanted.timed:
        return False
    if (names.SIGNING_CERTIFICATE_V2 in found) != wanted.cades or not found.keys() <= _OURS:
        return False
    if wanted.cades and not _names(found[names.SIGNING_CERTIFICATE_V2], certificate):
        return False
    if not hmac.compare_digest(found.get(names.MESSAGE_DIGEST, b""), der.tlv(der.OCTET_STRING, digest)):
        return False
    # 6.
    signed = new_digest(algorithm.digest.name, bytes((der.SET,)) + attributes.whole[1:]).digest()
    return is_signature(certificate.public_key, algorithm, signed, value.contents)


_OURS = {
    names.CONTENT_TYPE,
    names.MESSAGE_DIGEST,
    names.SIGNING_TIME,
    names.SIGNING_CERTIFICATE_V2,
    names.CONTENT_HINTS,
    names.COMMITMENT_TYPE,
}


def _attributes(element: der.Element) -> dict[str, bytes]:
    """DER of the one value of each attribute, by dotted OID, in the order of DER."""
    found: dict[str, bytes] = {}
    for attribute in map(der.read, _set(element)):
        kind, values = _exactly(attribute, der.SEQUENCE, der.OBJECT_IDENTIFIER, der.SET)
        (value,) = values.children()
        if der.dotted(kind) in found:
            raise ValueError("attributes")
        found[der.dotted(kind)] = value.whole
    return found


def _names(signing_certificate: bytes, certificate: Description) -> bool:
    """Whether signing-certificate-v2 is the one that names this certificate (RFC 5035 section 3)."""
    return signing_certificate == names.signing_certificate_value(certificate)


def _has_level(signer: tuple[der.Element, ...], data: SignedData, level: Level) -> bool:
    """7. B: no unsigned attribute. T and LT: one time-stamp, of this signature's value. LT: revocation material too."""
    if level == "b":
        return len(signer) == len(_SIGNER_INFO)
    if len(signer) == len(_SIGNER_INFO):
        return False
    (attribute,) = signer[-1].children()
    kind, values = _exactly(attribute, der.SEQUENCE, der.OBJECT_IDENTIFIER, der.SET)
    (value,) = values.children()
    if kind.whole != der.oid(names.SIGNATURE_TIMESTAMP):
        return False
    verify_timestamp(value.whole, signer[5].contents)
    return level == "t" or bool(data.revocation)
