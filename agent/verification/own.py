"""The check of our own signature before it leaves: is it one, of this document, by this certificate?

It reads the finished CMS back with the strict reader of DER, so that what is checked is what leaves. Trust, validity
periods and the rest of verification are not looked at: the person chose the certificate a moment ago.
"""

from __future__ import annotations

import hmac

from agent.algorithms import ALGORITHMS, SignatureAlgorithm, new_digest
from agent.certificates import der
from agent.certificates.description import Description
from agent.certificates.signatures import is_signature
from agent.cms.attributes import DATA, MESSAGE_DIGEST
from agent.cms.signed_data import SIGNED_DATA, digest_algorithm, signature_algorithm
from agent.errors import SignatureWrong

_CONSTRUCTED_0 = 0xA0
_SIGNED_DATA = (der.INTEGER, der.SET, der.SEQUENCE, _CONSTRUCTED_0, der.SET)  # version to signerInfos
_SIGNER_INFO = (der.INTEGER, der.SEQUENCE, der.SEQUENCE, _CONSTRUCTED_0, der.SEQUENCE, der.OCTET_STRING)


def verify_own(signature: bytes, digest: bytes, certificate: Description, token: str = "") -> None:
    """Raise SignatureWrong unless `signature` (DER of a ContentInfo) signs the content of this digest.

    `digest` is of the content's octets, by the signature's digest algorithm; attached content is digested again.
    `token` is the label of the token, for the error. Needs the public key only.

    1. read the structure  2. the certificate  3. attached content  4. message-digest  5. the signature value
    """
    try:
        right = _is_right(signature, digest, certificate)
    except ValueError as error:
        raise SignatureWrong(token=token) from error
    if not right:
        raise SignatureWrong(token=token)


def _is_right(signature: bytes, digest: bytes, certificate: Description) -> bool:
    # 1.
    whole = der.read(signature)
    kind, explicit = _parts(whole, der.SEQUENCE, der.OBJECT_IDENTIFIER, _CONSTRUCTED_0)
    (body,) = _parts(explicit, _CONSTRUCTED_0, der.SEQUENCE)
    version, digests, encapsulated, certificates, signers = _parts(body, der.SEQUENCE, *_SIGNED_DATA)
    (signer,) = _parts(signers, der.SET, der.SEQUENCE)
    number, identifier, hashing, attributes, signing, value = _parts(signer, der.SEQUENCE, *_SIGNER_INFO)
    algorithm = _algorithm(hashing.whole, signing.whole, certificate.key_type)
    if whole.end != len(signature) or kind.whole != der.oid(SIGNED_DATA):
        return False
    if version.contents + number.contents != b"\1\1" or digests.contents != hashing.whole:
        return False
    # 2.
    if identifier.contents != certificate.issuer_der + der.integer(certificate.serial_number):
        return False
    if certificate.der not in (one.whole for one in certificates.children()):
        return False
    # 3.
    if not _is_content(encapsulated, algorithm, digest):
        return False
    # 4.
    if not hmac.compare_digest(_message_digest(attributes), digest):
        return False
    # 5.
    signed = new_digest(algorithm.digest.name, bytes((der.SET,)) + attributes.whole[1:]).digest()
    return is_signature(certificate.public_key, algorithm, signed, value.contents)


def _parts(element: der.Element, tag: int, *tags: int) -> tuple[der.Element, ...]:
    """The children of an element of this tag, which must be of these tags."""
    children = tuple(element.children())
    if element.tag != tag or tuple(child.tag for child in children) != tags:
        raise ValueError("structure")
    return children


def _algorithm(digest: bytes, signature: bytes, key_type: str) -> SignatureAlgorithm:
    """The row of these AlgorithmIdentifiers, as `cms` writes them."""
    for row in ALGORITHMS:
        if (digest_algorithm(row), signature_algorithm(row), row.key_type) == (digest, signature, key_type):
            return row
    raise ValueError("algorithm")


def _is_content(encapsulated: der.Element, algorithm: SignatureAlgorithm, digest: bytes) -> bool:
    """Detached, or attached content of this digest; of type id-data."""
    kind, *content = encapsulated.children()
    if kind.whole != der.oid(DATA):
        return False
    if not content:
        return True
    (explicit,) = content
    (octets,) = _parts(explicit, _CONSTRUCTED_0, der.OCTET_STRING)
    view = memoryview(octets.source)[octets.body : octets.end]
    return hmac.compare_digest(new_digest(algorithm.digest.name, view).digest(), digest)


def _message_digest(attributes: der.Element) -> bytes:
    wanted = der.oid(MESSAGE_DIGEST)
    for attribute in attributes.children():
        kind, values = attribute.children()
        if kind.whole == wanted:
            (value,) = _parts(values, der.SET, der.OCTET_STRING)
            return value.contents
    raise ValueError("no message-digest")
