"""Who an XML signature says that it is by, and what it carries to show it (ds:KeyInfo; XAdES, ETSI EN 319 132-1).

Nothing is believed here: what was signed of it is for `xml_signatures` to say.
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Iterator, Sequence

from lxml import etree

from agent.algorithms import new_digest
from agent.certificates.description import Description
from agent.errors import PeroError
from agent.verification import revocation
from agent.verification.procedure import readable
from agent.verification.xml_references import octets_of_base64
from agent.xml.algorithms import CANONICAL_METHODS, digest_of_method
from agent.xml.canonical import METHODS, canonical
from agent.xml.document import by_id
from agent.xml.names import WSSE, ds, xades

_MAX_CERTIFICATES = 32
_MAX_REVOCATION = 64  # lists and answers, of each kind
_SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"


def certificates_of(signature: etree._Element) -> tuple[Description, ...]:
    """Of ds:KeyInfo, directly or by a reference of WS-Security to a token that is there once."""
    keys = signature.find(ds("KeyInfo"))
    if keys is None:
        return ()
    found = list(keys.iter(ds("X509Certificate")))
    for reference in keys.iter(f"{{{WSSE}}}Reference"):
        uri = reference.get("URI", "")
        if uri.startswith("#"):
            try:
                found.append(by_id(signature.getroottree().getroot(), uri[1:]))
            except PeroError:
                continue
    return readable(tuple(_decoded(found[:_MAX_CERTIFICATES])))


def _decoded(elements: Sequence[etree._Element]) -> Iterator[bytes]:
    for one in elements:
        try:
            yield octets_of_base64(one.text)
        except ValueError:
            continue


def named_by(properties: etree._Element) -> tuple[str, bytes] | None:
    """Digest method and digest of the signer's certificate; None: it is not named."""
    for kind in ("SigningCertificateV2", "SigningCertificate"):
        digest = properties.find(
            f"{xades('SignedSignatureProperties')}/{xades(kind)}/{xades('Cert')}/{xades('CertDigest')}"
        )
        if digest is not None:
            try:
                method = digest.find(ds("DigestMethod"))
                value = octets_of_base64(digest.findtext(ds("DigestValue")))
                return (method.get("Algorithm", "") if method is not None else "", value)
            except ValueError:
                return "", b""
    return None


def is_named(certificate: Description, named: tuple[str, bytes]) -> bool:
    """Not by a digest that nobody here knows. SHA-1 is what much of XAdES before EN 319 132-1 has."""
    try:
        name = "sha1" if named[0] == _SHA1 else digest_of_method(named[0]).name
    except ValueError:
        return False
    return hmac.compare_digest(new_digest(name, certificate.der).digest(), named[1])


def properties_of(signature: etree._Element) -> etree._Element | None:
    """xades:SignedProperties that qualify this signature; None where there are none, or several."""
    path = f"{ds('Object')}/{xades('QualifyingProperties')}"
    holders = signature.findall(path)
    if len(holders) != 1 or holders[0].get("Target") not in (f"#{signature.get('Id')}", None):
        return None
    found = holders[0].findall(xades("SignedProperties"))
    return found[0] if len(found) == 1 else None


def claimed_by(properties: etree._Element | None) -> datetime.datetime | None:
    path = f"{xades('SignedSignatureProperties')}/{xades('SigningTime')}"
    text = properties.findtext(path) if properties is not None else None
    try:
        moment = datetime.datetime.fromisoformat((text or "").strip())
        return moment.astimezone(datetime.UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _own(signature: etree._Element, name: str) -> list[etree._Element]:
    """Elements of that name in the properties of this signature, and of no other one that it may hold."""
    holders = signature.findall(f"{ds('Object')}/{xades('QualifyingProperties')}")
    return [one for holder in holders for one in holder.iter(xades(name))]


def carried_by(signature: etree._Element) -> tuple[tuple[Description, ...], revocation.Carried]:
    """Certificates, and what tells of their revocation (EN 319 132-1 clauses 5.4 and 5.5)."""
    more = _decoded(_own(signature, "EncapsulatedX509Certificate")[:_MAX_CERTIFICATES])
    crls = _decoded(_own(signature, "EncapsulatedCRLValue")[:_MAX_REVOCATION])
    ocsp = _decoded(_own(signature, "EncapsulatedOCSPValue")[:_MAX_REVOCATION])
    certificates = (*certificates_of(signature), *readable(tuple(more)))
    return certificates, revocation.Carried(tuple(crls), tuple(ocsp))


def stamps_of(signature: etree._Element) -> tuple[bytes, tuple[bytes, ...]]:
    """The canonical ds:SignatureValue, and the tokens over it. Those over another form of it than the first one's are
    left out."""
    stamps = _own(signature, "SignatureTimeStamp")
    forms = [one.find(ds("CanonicalizationMethod")) for one in stamps]
    methods = [one.get("Algorithm", "") if one is not None else CANONICAL_METHODS["inclusive"] for one in forms]
    tokens = [
        token
        for stamp, method in zip(stamps, methods, strict=True)
        if method == methods[0]
        for token in _decoded(stamp.findall(xades("EncapsulatedTimeStamp")))
    ]
    if not tokens or methods[0] not in METHODS:
        return b"", ()
    try:
        return canonical(signature[1], methods[0]), tuple(tokens)
    except PeroError:
        return b"", ()
