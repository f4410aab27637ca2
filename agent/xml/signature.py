"""An XML signature: looked at, prepared, completed, raised to T and LT.

The document's octets outside ds:Signature stay as they are: the signature is written into them, no tree is written out
again (only an empty element tag that takes the signature becomes a pair of tags).
"""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Callable, Sequence

from lxml import etree

from agent.algorithms import SignatureAlgorithm, new_digest
from agent.certificates.description import Description
from agent.cms.formats import Material
from agent.errors import BadParameters
from agent.xml import xades
from agent.xml.algorithms import canonical_method, digest_method, signature_method, written_value
from agent.xml.canonical import canonical
from agent.xml.document import parsed, read
from agent.xml.elements import Reference, Signature
from agent.xml.insertion import Frame
from agent.xml.material import divided
from agent.xml.names import SIGNED_PROPERTIES, ds
from agent.xml.options import Options, check
from agent.xml.subject import Subject, subject_of


def look(document: bytes, options: Options) -> None:
    """Refuse what can never be signed so, before anybody is asked: the errors of `prepare`."""
    check(options)
    subject_of(document, options, "look")


def prepare(
    document: bytes,
    *,
    certificate: Description,
    chain: Sequence[bytes] = (),
    algorithm: SignatureAlgorithm,
    moment: datetime.datetime,
    options: Options = Options(),  # noqa: B008 - frozen
) -> PreparedXml:
    """`chain` is DER of further certificates for ds:KeyInfo; `moment` is aware, and stands in XAdES only.

    Raises BadParameters, AlgorithmUnsupported, DigestLength, DocumentTooLarge, DocumentDamaged, XmlUnsafe,
    ElementUnclear, SignatureWouldBreak.

    1. the subject: what is signed, by which transforms, and where the signature goes   2. its reference
    3. XAdES: the signed properties and their reference   4. the canonical ds:SignedInfo
    """
    check(options)
    mark = _mark(document, certificate, moment)
    subject = subject_of(document, options, mark)  # 1.
    method, hashing = canonical_method(options), algorithm.digest
    is_xades = options.format == "xades"
    reference = Reference(  # 2.
        uri=subject.uri,
        transforms=subject.transforms,
        method=digest_method(hashing),
        digest=b"",
        identifier=f"{mark}-document" if is_xades else None,
        kind=subject.kind,
    )
    draft = Signature(
        identifier=mark if is_xades else None,
        canonical=method,
        method=signature_method(algorithm),
        references=(reference,),
        certificates=(certificate.der, *chain),
        objects=subject.objects,
    )
    signed = ""
    if is_xades:  # 3.
        media_type = options.media_type or subject.media_type
        signed = xades.signed_properties(
            f"{mark}-properties", f"{mark}-document", certificate, moment, media_type, options
        )
        about = Reference(f"#{mark}-properties", (method,), digest_method(hashing), b"", None, SIGNED_PROPERTIES)
        draft = draft._replace(
            references=(reference, about), objects=(*subject.objects, xades.qualifying_properties(mark, signed))
        )
    tree = _tree(draft, subject.frame, subject.around)  # 4.
    digests = [subject.digest(hashing, tree)]
    if is_xades:
        (properties,) = tree.iterfind(f"{ds('Object')}/*/*[@Id='{mark}-properties']")
        digests.append(new_digest(hashing.name, canonical(properties, method)).digest())
    draft = draft._replace(
        references=tuple(one._replace(digest=value) for one, value in zip(draft.references, digests, strict=True))
    )
    return PreparedXml(draft, subject, certificate, signed)


def _mark(document: bytes, certificate: Description, moment: datetime.datetime) -> str:
    """The signature's Id: another for each document, certificate and moment, and so not in the document already."""
    seed = hashlib.sha256(document)
    seed.update(certificate.der + moment.isoformat().encode())
    return f"signature-{seed.hexdigest()[:32]}"


def _tree(
    signature: Signature, frame: Frame, around: Callable[[etree._Element], etree._Element] | None
) -> etree._Element:
    """ds:Signature as an element: by itself, or in its document where its canonical form depends on it."""
    if around is None:
        return parsed(signature.text().encode())
    whole = frame.around(signature.text())
    source = read(whole)
    return around(parsed(source.text[source.body :].encode()))


class PreparedXml:
    """A signature that wants only its value (`cms.formats.Prepared`)."""

    def __init__(self, draft: Signature, subject: Subject, certificate: Description, properties: str) -> None:
        self._draft = draft
        self._subject = subject
        self._certificate = certificate
        self._properties = properties

    @functools.cached_property
    def signed(self) -> bytes:
        """The canonical ds:SignedInfo (XML Signature 1.1 section 3.1.2)."""
        tree = _tree(self._draft, self._subject.frame, self._subject.around)
        return canonical(tree[0], self._draft.canonical)

    def complete(self, signature: bytes) -> CompletedXml:
        """Raises ValueError where the token's ECDSA value is none."""
        draft = self._draft._replace(value=written_value(signature, self._certificate))
        return CompletedXml(draft, self._subject, self._certificate, self._properties)


class CompletedXml:
    """A finished signature (`cms.formats.Completed`)."""

    def __init__(
        self,
        signature: Signature,
        subject: Subject,
        certificate: Description,
        properties: str,
        token: bytes = b"",
        material: Material | None = None,
    ) -> None:
        self._signature = signature
        self._subject = subject
        self._certificate = certificate
        self._properties = properties
        self._token = token
        self._material = material

    @functools.cached_property
    def value(self) -> bytes:
        return self._subject.frame.around(self._whole().text())

    @functools.cached_property
    def stamped(self) -> bytes:
        """The canonical ds:SignatureValue (EN 319 132-1 clause 5.3)."""
        tree = _tree(self._signature, self._subject.frame, self._subject.around)
        return canonical(tree[1], self._signature.canonical)

    def with_timestamp(self, token: bytes) -> CompletedXml:
        return self._with(token, self._material)

    def with_material(self, material: Material) -> CompletedXml:
        return self._with(self._token, material)

    def _with(self, token: bytes, material: Material | None) -> CompletedXml:
        if self._signature.identifier is None:
            raise BadParameters(detail="xmldsig has level b only")
        return CompletedXml(self._signature, self._subject, self._certificate, self._properties, token, material)

    def _whole(self) -> Signature:
        """With the unsigned properties: the time-stamp, what proves it, what proves the signer's certificate."""
        mark, unsigned = self._signature.identifier, []
        if mark is None or not (self._token or self._material):
            return self._signature
        if self._token:
            unsigned.append(xades.signature_time_stamp(f"{mark}-time-stamp", self._token, self._signature.canonical))
        if self._material:
            own, rest = divided(self._material, self._certificate, self._signature.certificates, self._token)
            unsigned.append(xades.time_stamp_validation_data(f"{mark}-time-stamp", rest))
            unsigned.append(xades.validation_values(own))
        properties = xades.qualifying_properties(mark, self._properties, unsigned)
        return self._signature._replace(objects=(*self._signature.objects[:-1], properties))
