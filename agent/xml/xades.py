"""Qualifying properties of XAdES: those that the baseline levels want (ETSI EN 319 132-1 V1.3.1, table 2 of clause 6.3;
the letters are those of its additional requirements)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from agent.algorithms import digest_for_certificate, new_digest
from agent.certificates.description import Description
from agent.cms.formats import Material
from agent.xml.algorithms import digest_method
from agent.xml.elements import b64, digest, element, escaped, method_element
from agent.xml.names import XADES, XADES141
from agent.xml.options import Options


def signed_properties(
    identifier: str,
    reference: str,
    certificate: Description,
    moment: datetime.datetime,
    media_type: str,
    options: Options,
) -> str:
    """xades:SignedProperties (clause 4.3): SigningTime (5.2.1, h: UTC), SigningCertificateV2 (5.2.2), DataObjectFormat
    (5.2.4, k) of the reference of that Id. `moment` is aware."""
    certificates = _signing_certificate_v1 if options.signing_certificate == "v1" else _signing_certificate
    signature = element(
        "xades:SignedSignatureProperties",
        {},
        element("xades:SigningTime", {}, f"{moment.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"),
        certificates(certificate),
    )
    data_object = element(
        "xades:DataObjectFormat",
        {"ObjectReference": f"#{reference}"},
        element("xades:MimeType", {}, escaped(media_type)),
    )
    return element(
        "xades:SignedProperties",
        {"Id": identifier},
        signature,
        element("xades:SignedDataObjectProperties", {}, data_object),
    )


def _signing_certificate(certificate: Description) -> str:
    """SigningCertificateV2: the digest alone, no URI (i) and no IssuerSerialV2 (j)."""
    return element("xades:SigningCertificateV2", {}, element("xades:Cert", {}, _digest(certificate)))


def _signing_certificate_v1(certificate: Description) -> str:
    """SigningCertificate of ETSI TS 101 903 clause 7.2.2: the issuer in words (RFC 4514)."""
    serial = element(
        "xades:IssuerSerial",
        {},
        element("ds:X509IssuerName", {}, escaped(certificate.issuer)),
        element("ds:X509SerialNumber", {}, str(certificate.serial_number)),
    )
    one = element("xades:Cert", {}, _digest(certificate), serial)
    return element("xades:SigningCertificate", {}, one)


def _digest(certificate: Description) -> str:
    algorithm = digest_for_certificate(certificate.key_type)
    value = new_digest(algorithm.name, certificate.der).digest()
    return element("xades:CertDigest", {}, *digest(digest_method(algorithm), value))


def qualifying_properties(signature: str, signed: str, unsigned: Sequence[str] = ()) -> str:
    """ds:Object with xades:QualifyingProperties (clauses 4.3, 4.4), its target the signature of that Id."""
    rest = element("xades:UnsignedProperties", {}, element("xades:UnsignedSignatureProperties", {}, *unsigned))
    whole = element(
        "xades:QualifyingProperties",
        {"xmlns:xades": XADES, "Target": f"#{signature}"},
        signed,
        rest if unsigned else "",
    )
    return element("ds:Object", {}, whole)


def signature_time_stamp(identifier: str, token: bytes, canonical: str) -> str:
    """SignatureTimeStamp (clause 5.3, n: one token) over ds:SignatureValue in that canonical form. `token` is DER."""
    encapsulated = element("xades:EncapsulatedTimeStamp", {}, b64(token))
    method = method_element("ds:CanonicalizationMethod", canonical)
    return element("xades:SignatureTimeStamp", {"Id": identifier}, method, encapsulated)


def validation_values(material: Material) -> str:
    """CertificateValues (clause 5.4.2) and RevocationValues (clause 5.4.3), either only where there are any."""
    certificates = [element("xades:EncapsulatedX509Certificate", {}, b64(one)) for one in material.certificates]
    crls = [element("xades:EncapsulatedCRLValue", {}, b64(one)) for one in material.crls]
    answers = [element("xades:EncapsulatedOCSPValue", {}, b64(one)) for one in material.ocsp]
    revocation = [
        element("xades:CRLValues", {}, *crls) if crls else "",
        element("xades:OCSPValues", {}, *answers) if answers else "",
    ]
    return (element("xades:CertificateValues", {}, *certificates) if certificates else "") + (
        element("xades:RevocationValues", {}, *revocation) if any(revocation) else ""
    )


def time_stamp_validation_data(stamp: str, material: Material) -> str:
    """TimeStampValidationData (clause 5.5.1, x and y) for the time-stamp of that Id, right after which it stands."""
    values = validation_values(material)
    return (
        element("xades141:TimeStampValidationData", {"xmlns:xades141": XADES141, "URI": f"#{stamp}"}, values)
        if values
        else ""
    )
