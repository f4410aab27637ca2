"""A CMS signature as a `Prepared`: plain CMS or CAdES, alone, beside other signers, or over one of them.

Levels (ETSI EN 319 122-1 clause 6.3): T is the unsigned attribute signature-time-stamp. LT puts the material where the
baseline wants it, into SignedData.certificates and SignedData.crls, OCSP answers as OtherRevocationInfo of RFC 5940;
certificate-values and revocation-values (clause A.1) belong to the extended levels of EN 319 122-2 and are not written.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import msgspec

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates import der
from agent.certificates.description import Description
from agent.cms.attributes import DATA, counter_signature, signature_timestamp, signed_attributes
from agent.cms.existing import Existing, ExistingSigner, read_existing
from agent.cms.formats import Material
from agent.cms.signed_data import CONSTRUCTED_1, SignedData, digest_algorithm, signer_head, write
from agent.errors import ContentDiffers, DigestLength, ExistingUnsupported

OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"  # id-ri-ocsp-response (RFC 5940 section 2)

Format = Literal["cms", "cades"]
Mode = Literal["co_sign", "counter_sign"]


def prepare(
    *,
    content_digest: bytes | None,
    certificate: Description,
    algorithm: SignatureAlgorithm,
    moment: datetime.datetime,
    content: bytes | None = None,
    chain: Sequence[bytes] = (),
    format: Format = "cades",  # noqa: A002 - the field's word
    content_type: str = DATA,
    name: str | None = None,
    media_type: str | None = None,
    reason: str | None = None,
    existing: bytes | Existing | None = None,
    mode: Mode = "co_sign",
    signer: int | None = None,
) -> PreparedCms:
    """`content_digest` is of the content's octets by the digest of `algorithm`; it may be None where an existing
    signature has the content attached, and is not looked at for a counter-signature. `content` None makes a detached
    signature; beside an existing one it is only compared, and the signature stays as it is, attached or detached.
    `moment` is aware. `chain` is DER of further certificates. `name` and `reason` become signed attributes.

    `existing` is a signature by whomever (DER, BER, PEM, base64) that gets one more signer, or, with `mode`
    counter_sign, whose signer number `signer` (from 0, in its order; None: the only one) is signed. What others signed
    stays octet for octet; `content_type` must be that of the existing content.

    Raises DigestLength, SignatureDamaged, ExistingUnsupported, ContentDiffers, SignerUnknown.
    """
    if existing is not None and not isinstance(existing, Existing):
        existing = read_existing(existing)
    target: ExistingSigner | None = None
    kind: str | None = content_type
    if existing is not None and existing.data.content_type != content_type:
        raise ExistingUnsupported(reason="content_type")
    if existing is not None and mode == "counter_sign":
        target = existing.signer(signer)
        content_digest, kind, name = new_digest(algorithm.digest.name, target.signature).digest(), None, None
    elif existing is not None:
        content_digest = existing.digest_of_content(algorithm.digest, content, content_digest, content_type)
    if content_digest is None:
        raise ContentDiffers()
    if len(content_digest) != algorithm.digest.size:
        raise DigestLength(algorithm=algorithm.digest.name, expected=algorithm.digest.size, given=len(content_digest))
    attributes = signed_attributes(
        content_digest,
        certificate,
        moment,
        content_type=kind,
        names_certificate=format == "cades",
        name=name,
        media_type=media_type,
        reason=reason,
    )
    data = existing.data if existing else SignedData((), content_type, content, (), (), ())
    digests = () if target or _lists(data.digests, algorithm) else (digest_algorithm(algorithm),)
    data = msgspec.structs.replace(
        data,
        digests=(*data.digests, *digests),
        certificates=tuple(dict.fromkeys((*data.certificates, certificate.der, *chain))),
    )
    return PreparedCms(attributes, certificate, algorithm, data, target)


def _lists(digests: Sequence[bytes], algorithm: SignatureAlgorithm) -> bool:
    """Whether digestAlgorithms has this one, with whatever parameters."""
    wanted = der.oid(algorithm.digest.oid)
    return any(next(der.read(one).children()).whole == wanted for one in digests)


class PreparedCms:
    """A `Prepared`."""

    def __init__(
        self,
        attributes: bytes,
        certificate: Description,
        algorithm: SignatureAlgorithm,
        data: SignedData,
        target: ExistingSigner | None,
    ) -> None:
        self._attributes = attributes
        self._certificate = certificate
        self._algorithm = algorithm
        self._data = data
        self._target = target

    @property
    def signed(self) -> bytes:
        return self._attributes

    def complete(self, signature: bytes) -> CompletedCms:
        head = signer_head(self._attributes, signature, self._algorithm, self._certificate)
        return CompletedCms(self._data, head, signature, (), self._target)


class CompletedCms:
    """A `Completed`. Level LT may come after T only."""

    def __init__(
        self,
        data: SignedData,
        head: bytes,
        signature: bytes,
        unsigned: tuple[bytes, ...],
        target: ExistingSigner | None,
    ) -> None:
        self._data = data
        self._head = head  # of our SignerInfo
        self._signature = signature
        self._unsigned = unsigned  # attributes of our SignerInfo
        self._target = target  # whose signature ours is over

    @cached_property
    def value(self) -> bytes:
        return write(self._with_signer)

    @property
    def stamped(self) -> bytes:
        return self._signature

    def with_timestamp(self, token: bytes) -> CompletedCms:
        unsigned = (*self._unsigned, signature_timestamp(token))
        return CompletedCms(self._data, self._head, self._signature, unsigned, self._target)

    def with_material(self, material: Material) -> CompletedCms:
        data = self._data
        revocation = (*data.revocation, *material.crls, *map(_ocsp, material.ocsp))
        data = msgspec.structs.replace(
            data,
            certificates=tuple(dict.fromkeys((*data.certificates, *material.certificates))),
            revocation=tuple(dict.fromkeys(revocation)),
        )
        return CompletedCms(data, self._head, self._signature, self._unsigned, self._target)

    @cached_property
    def _with_signer(self) -> SignedData:
        unsigned = der.set_of(self._unsigned, CONSTRUCTED_1) if self._unsigned else b""
        ours = der.sequence(self._head, unsigned)
        if self._target is None:
            signers = (*self._data.signers, ours)
        else:
            replaced = self._target.with_attribute(counter_signature(ours))
            signers = tuple(replaced if one == self._target.whole else one for one in self._data.signers)
        return msgspec.structs.replace(self._data, signers=signers)


def _ocsp(response: bytes) -> bytes:
    """[1] IMPLICIT OtherRevocationInfoFormat (RFC 5652 section 10.2.1)."""
    return der.tlv(CONSTRUCTED_1, der.oid(OCSP_RESPONSE), response)
