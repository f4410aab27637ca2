"""Attached signatures of content that nobody holds: what stands before the content and what stands behind it.

A detached signature and an attached one of the same octets differ in the content and in five lengths around it
(RFC 5652 sections 3 and 5): what is signed is the same. So the signature is made, and checked, detached; then the file
is written as header, content, tail. DER with definite lengths, of any size. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.algorithms import DigestAlgorithm
from agent.certificates import der
from agent.cms.attributes import DATA
from agent.cms.signed_data import SIGNED_DATA, SignedData
from agent.cms.signed_data import around as surroundings

_CONSTRUCTED_0 = 0xA0
# As long as what stands behind the content may be, which is not made yet.
_SIGNER = der.sequence(der.integer(1), der.tlv(der.OCTET_STRING, bytes(8 << 10)))


class Around(NamedTuple):
    header: bytes  # ends with the length of the content's OCTET STRING
    tail: bytes


def around(detached: bytes, size: int) -> Around:
    """What to write before and behind content of `size` bytes.

    `detached` is the DER of a ContentInfo with SignedData without content. Raises ValueError where it is anything else.
    """
    whole = der.read(detached)
    kind, explicit = _children(whole, der.SEQUENCE)
    (body,) = _children(explicit, _CONSTRUCTED_0)
    version, digests, encapsulated, *rest = _children(body, der.SEQUENCE)
    (content_type,) = _children(encapsulated, der.SEQUENCE)
    if whole.end != len(detached) or kind.whole != der.oid(SIGNED_DATA):
        raise ValueError("no detached SignedData")
    tail = b"".join(part.whole for part in rest)
    header = b""
    for tag, before, behind in (
        (der.OCTET_STRING, b"", 0),
        (_CONSTRUCTED_0, b"", 0),
        (der.SEQUENCE, content_type.whole, 0),
        (der.SEQUENCE, version.whole + digests.whole, len(tail)),
        (_CONSTRUCTED_0, b"", 0),
        (der.SEQUENCE, kind.whole, 0),
    ):
        size += behind
        inside = before + header
        header = der.header(tag, size + len(inside)) + inside
    return Around(header, tail)


def foreseen_header(digest: DigestAlgorithm, size: int) -> int:
    """How many bytes will stand before content of `size` bytes with one signer, before anything is signed.

    Of large content that depends on the digest's identifier and on the number of octets of five lengths. A guess where
    one of these grows by an octet within the length of what stands behind the content.
    """
    data = SignedData((der.sequence(der.oid(digest.oid)),), DATA, None, (), (), (_SIGNER,))
    return len(surroundings(data, size)[0])


def _children(element: der.Element, tag: int) -> tuple[der.Element, ...]:
    if element.tag != tag:
        raise ValueError("structure")
    return tuple(element.children())
