"""The qualifying properties of our own XAdES signature (ETSI EN 319 132-1), read back."""

from __future__ import annotations

import base64
import hmac

from lxml import etree

from agent.algorithms import digest_for_certificate, new_digest
from agent.certificates.description import Description, describe
from agent.timestamp.token import WrongToken, verify_timestamp
from agent.xml.algorithms import digest_method
from agent.xml.canonical import canonical
from agent.xml.names import ds, xades, xades141

# In this order, each at most once.
_MATERIAL = (xades141("TimeStampValidationData"), xades("CertificateValues"), xades("RevocationValues"))
_REVOCATION = (xades("EncapsulatedCRLValue"), xades("EncapsulatedOCSPValue"))
_CERTIFICATES = (xades("SigningCertificateV2"), xades("SigningCertificate"))


def check_properties(
    signature: etree._Element,
    properties: etree._Element,
    reference: etree._Element,
    certificate: Description,
    level: str,
) -> None:
    """`properties` is xades:SignedProperties, whose digest was checked; `reference` that of the document. Raises
    ValueError.

    1. they qualify this signature   2. its time, certificate and document   3. the time-stamp and the material of the
    level, and nothing else
    """
    holder, held, above = list(properties.iterancestors())[:3]  # 1.
    _expect((properties.tag, holder.tag) == (xades("SignedProperties"), xades("QualifyingProperties")))
    _expect(held.tag == ds("Object") and above is signature)
    _expect(bool(signature.get("Id")) and holder.get("Target") == f"#{signature.get('Id')}")
    _expect(sum(1 for _ in signature.iter(xades("QualifyingProperties"))) == 1)
    own, objects = properties  # 2.
    time, named = own
    _expect(time.tag == xades("SigningTime") and named.tag in _CERTIFICATES and len(named) == 1)
    _check_certificate(named[0], certificate)
    (described,) = objects
    _expect(described.tag == xades("DataObjectFormat"))
    _expect(described.get("ObjectReference") == f"#{reference.get('Id')}")
    _check_level(signature, holder, level)  # 3.


def _check_certificate(named: etree._Element, certificate: Description) -> None:
    """The digest of xades:CertDigest is the certificate's."""
    method, value = named[0]
    algorithm = digest_for_certificate(certificate.key_type)
    _expect(method.get("Algorithm") == digest_method(algorithm))
    _expect(hmac.compare_digest(_octets(value), new_digest(algorithm.name, certificate.der).digest()))


def _check_level(signature: etree._Element, holder: etree._Element, level: str) -> None:
    unsigned = holder.findall(f"{xades('UnsignedProperties')}/{xades('UnsignedSignatureProperties')}/*")
    tags = [one.tag for one in unsigned]
    stamps = [one for one in unsigned if one.tag == xades("SignatureTimeStamp")]
    if level == "b":
        _expect(len(holder) == 1)
        return
    _expect(len(stamps) == 1 and tags[0] == xades("SignatureTimeStamp"))
    _check_stamp(stamps[0], signature[1])
    if level == "t":
        _expect(len(tags) == 1)
        return
    _expect(tags[1:] == [tag for tag in _MATERIAL if tag in tags])
    _expect(any(next(holder.iter(tag), None) is not None for tag in _REVOCATION))
    for one in holder.iter(xades("EncapsulatedX509Certificate")):
        describe(_octets(one))


def _check_stamp(stamp: etree._Element, value: etree._Element) -> None:
    """A time-stamp of the canonical ds:SignatureValue."""
    method, token = stamp
    _expect((method.tag, token.tag) == (ds("CanonicalizationMethod"), xades("EncapsulatedTimeStamp")))
    try:
        verify_timestamp(_octets(token), canonical(value, method.get("Algorithm", "")))
    except WrongToken as error:
        raise ValueError("time-stamp") from error


def _octets(element: etree._Element) -> bytes:
    return base64.b64decode(element.text or "", validate=True)


def _expect(right: bool) -> None:
    if not right:
        raise ValueError("structure")
