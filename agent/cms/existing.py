"""A signature by whomever that gets another signer, or is counter-signed: taken apart, so that it can be put together
again around the same octets.

The outer layers may be BER; they are written anew as DER. Certificates, lists and SignerInfos are kept octet for octet,
so they have to be DER as far as they are looked into. Whether the signatures in it are right is not looked at.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec

from agent.algorithms import DIGESTS, DigestAlgorithm, new_digest
from agent.certificates import der
from agent.cms import ber
from agent.cms.attributes import MESSAGE_DIGEST
from agent.cms.encodings import decoded
from agent.cms.signed_data import CONSTRUCTED_0, CONSTRUCTED_1, SIGNED_DATA, SignedData
from agent.errors import ContentDiffers, ExistingUnsupported, SignatureDamaged, SignerUnknown

MAX_SIZE = 1 << 26  # bytes, in whichever form
MAX_SIGNERS = 1000
MAX_MEMBERS = 10_000  # certificates, lists, digests, attributes: each
_LONGEST_OID = 64  # bytes
_V1, _V3 = der.integer(1), der.integer(3)
_BY_KEY = 0x80  # [0] IMPLICIT SubjectKeyIdentifier


class ExistingSigner(msgspec.Struct, frozen=True):
    """A SignerInfo by somebody else."""

    whole: bytes  # DER
    head: bytes  # its contents up to the unsigned attributes
    unsigned: tuple[bytes, ...]  # attributes
    identifier: bytes  # DER of IssuerAndSerialNumber, or of [0] SubjectKeyIdentifier
    digest_oid: str
    message_digest: bytes | None  # None: it has no signed attributes
    signature: bytes

    def with_attribute(self, attribute: bytes) -> bytes:
        """The SignerInfo with one more unsigned attribute. The order of those that are there is kept: others may have
        digested them as they came."""
        ordered = self.unsigned == tuple(sorted(self.unsigned))
        attributes = (*self.unsigned, attribute)
        return der.sequence(self.head, der.tlv(CONSTRUCTED_1, *(sorted(attributes) if ordered else attributes)))


class Existing(msgspec.Struct, frozen=True):
    data: SignedData
    signers: tuple[ExistingSigner, ...]  # in the order of the file

    def signer(self, position: int | None) -> ExistingSigner:
        """By number from 0; None: the only one. Raises SignerUnknown."""
        if position is None and len(self.signers) == 1:
            return self.signers[0]
        if position is None or not 0 <= position < len(self.signers):
            raise SignerUnknown(count=len(self.signers))
        return self.signers[position]

    def digest_of_content(
        self, digest: DigestAlgorithm, content: bytes | None, claimed: bytes | None, content_type: str
    ) -> bytes:
        """The digest that another signer signs: of the attached content, which must be the one that is given, else the
        one that is claimed. Raises ContentDiffers, also where the digests of other signers tell; ExistingUnsupported
        for content of another type."""
        if self.data.content_type != content_type:
            raise ExistingUnsupported(reason="content_type")
        attached = self.data.content
        if attached is not None:
            found = new_digest(digest.name, attached).digest()
            if (content is not None and content != attached) or (
                claimed is not None and not hmac.compare_digest(claimed, found)
            ):
                raise ContentDiffers()
        elif claimed is None:
            raise ContentDiffers()
        else:
            found = claimed
        octets = attached if attached is not None else content
        if not all(_fits(signer, digest, found, octets) for signer in self.signers):
            raise ContentDiffers()
        return found


def _fits(signer: ExistingSigner, digest: DigestAlgorithm, found: bytes, content: bytes | None) -> bool:
    """Whether this signer's message-digest is that of the same content; True where it cannot be told."""
    if signer.message_digest is None:
        return True
    if signer.digest_oid == digest.oid:
        return hmac.compare_digest(signer.message_digest, found)
    other = next((one for one in DIGESTS if one.oid == signer.digest_oid), None)
    if other is None or content is None:
        return True
    return hmac.compare_digest(signer.message_digest, new_digest(other.name, content).digest())


def read_existing(given: bytes) -> Existing:
    """Read DER or BER, PEM, or base64. Raises SignatureDamaged, ExistingUnsupported."""
    if len(given) > MAX_SIZE:
        raise ExistingUnsupported(reason="too_large")
    try:
        return _read(decoded(given))
    except (ValueError, IndexError, StopIteration) as error:
        raise SignatureDamaged(detail=str(error) or type(error).__name__) from error


def _read(encoded: bytes) -> Existing:
    kind, explicit = _children(ber.read(encoded), der.SEQUENCE)
    if kind.whole != der.oid(SIGNED_DATA):
        raise ValueError("not SignedData")
    (body,) = _children(explicit, CONSTRUCTED_0)
    version, digests, encapsulated, *rest = _children(body, der.SEQUENCE)
    if version.tag != der.INTEGER:
        raise ValueError("version")
    certificates, rest = _optional(rest, CONSTRUCTED_0)
    revocation, rest = _optional(rest, CONSTRUCTED_1)
    (infos,) = rest
    content_type, content = _content(encapsulated)
    signers = tuple(map(_signer, _members(infos, der.SET, MAX_SIGNERS, "too_many_signers")))
    data = SignedData(
        digests=_members(digests, der.SET),
        content_type=content_type,
        content=content,
        certificates=certificates,
        revocation=revocation,
        signers=tuple(signer.whole for signer in signers),
    )
    return Existing(data, signers)


def _children(element: ber.Element, tag: int) -> list[ber.Element]:
    if element.tag != tag:
        raise ValueError("structure")
    return list(element.children())


def _optional(rest: list[ber.Element], tag: int) -> tuple[tuple[bytes, ...], list[ber.Element]]:
    if rest and rest[0].tag == tag:
        return _members(rest[0], tag), rest[1:]
    return (), rest


def _members(element: ber.Element, tag: int, limit: int = MAX_MEMBERS, reason: str = "too_large") -> tuple[bytes, ...]:
    """The members of a SET OF, which are kept as they are. Raises ExistingUnsupported where their own lengths are not
    those of DER: nobody could tell any more where they end, once they stand in DER."""
    if element.tag != tag:
        raise ValueError("structure")
    found: list[bytes] = []
    for child in element.children():
        if len(found) == limit:
            raise ExistingUnsupported(reason=reason)
        found.append(child.whole)
        try:
            der.read(found[-1])
        except ValueError as error:
            raise ExistingUnsupported(reason="encoding") from error
    return tuple(found)


def _content(encapsulated: ber.Element) -> tuple[str, bytes | None]:
    kind, *wrapped = _children(encapsulated, der.SEQUENCE)
    content_type = _dotted(kind.whole)
    if not wrapped:
        return content_type, None
    (explicit,) = wrapped
    (content,) = _children(explicit, CONSTRUCTED_0)
    if content.tag not in (der.OCTET_STRING, der.OCTET_STRING | 0x20):  # PKCS#7 before CMS; RFC 5652 section 5.2.1
        raise ExistingUnsupported(reason="not_octets")
    return content_type, ber.octets(content)


def _signer(whole: bytes) -> ExistingSigner:
    """SignerInfo (RFC 5652 section 5.3)."""
    element = der.read(whole)
    if element.tag != der.SEQUENCE:
        raise ValueError("structure")
    version, identifier, digest, *rest = element.children()
    attributes = rest.pop(0) if rest and rest[0].tag == CONSTRUCTED_0 else None
    signing, value, *unsigned = rest
    if (version.whole, identifier.tag) not in ((_V1, der.SEQUENCE), (_V3, _BY_KEY)):
        raise ValueError("version")
    if (digest.tag, signing.tag, value.tag) != (der.SEQUENCE, der.SEQUENCE, der.OCTET_STRING):
        raise ValueError("structure")
    if [one.tag for one in unsigned] not in ([], [CONSTRUCTED_1]):
        raise ValueError("structure")
    return ExistingSigner(
        whole=whole,
        head=whole[element.body : value.end],
        unsigned=tuple(one.whole for one in _limited(unsigned[0].children())) if unsigned else (),
        identifier=identifier.whole,
        digest_oid=_dotted(next(digest.children()).whole),
        message_digest=_message_digest(attributes) if attributes else None,
        signature=value.contents,
    )


def _message_digest(attributes: der.Element) -> bytes:
    wanted = der.oid(MESSAGE_DIGEST)
    for attribute in _limited(attributes.children()):
        kind, values = attribute.children()
        if kind.whole == wanted:
            (value,) = values.children()
            if value.tag != der.OCTET_STRING:
                break
            return value.contents
    raise ValueError("message-digest")


def _limited(elements: Iterable[der.Element]) -> list[der.Element]:
    found: list[der.Element] = []
    for element in elements:
        if len(found) == MAX_MEMBERS:
            raise ExistingUnsupported(reason="too_large")
        found.append(element)
    return found


def _dotted(encoded: bytes) -> str:
    if len(encoded) > _LONGEST_OID:
        raise ValueError("object identifier")
    return der.dotted(der.read(encoded))
