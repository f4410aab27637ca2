"""Qualifying properties of XAdES (ETSI EN 319 132-1 clause 5), those that the baseline levels want (clause 6.3)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from xml.sax.saxutils import escape

from agent.algorithms import digest_for_certificate, new_digest
from agent.certificates import der
from agent.certificates.description import Description
from agent.cms.formats import Material
from agent.xml.algorithms import digest_method
from agent.xml.elements import b64, digest, element, method_element
from agent.xml.names import XADES
from agent.xml.options import Options

_GENERAL_NAME_DIRECTORY = 0xA4  # [4] EXPLICIT Name (RFC 5280 section 4.2.1.6)


def signed_properties(
    identifier: str,
    reference: str,
    certificate: Description,
    moment: datetime.datetime,
    media_type: str,
    options: Options,
) -> str:
    """xades:SignedProperties (clause 4.3.1): SigningTime (5.2.1), SigningCertificateV2 (5.2.2), and DataObjectFormat
    (5.2.4) of the reference of that Id. `moment` is aware."""
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
        element("xades:MimeType", {}, escape(media_type)),
    )
    return element(
        "xades:SignedProperties",
        {"Id": identifier},
        signature,
        element("xades:SignedDataObjectProperties", {}, data_object),
    )


def _signing_certificate(certificate: Description) -> str:
    """SigningCertificateV2: digest, and issuer with serial number as DER (RFC 5035 IssuerSerial) in base64."""
    names = der.sequence(der.tlv(_GENERAL_NAME_DIRECTORY, certificate.issuer_der))
    serial = der.sequence(names, der.integer(certificate.serial_number))
    one = element("xades:Cert", {}, _digest(certificate), element("xades:IssuerSerialV2", {}, b64(serial)))
    return element("xades:SigningCertificateV2", {}, one)


def _signing_certificate_v1(certificate: Description) -> str:
    """SigningCertificate of ETSI TS 101 903 clause 7.2.2: the issuer in words (RFC 4514)."""
    serial = element(
        "xades:IssuerSerial",
        {},
        element("ds:X509IssuerName", {}, escape(certificate.issuer)),
        element("ds:X509SerialNumber", {}, str(certificate.serial_number)),
    )
    one = element("xades:Cert", {}, _digest(certificate), serial)
    return element("xades:SigningCertificate", {}, one)


def _digest(certificate: Description) -> str:
    algorithm = digest_for_certificate(certificate.key_type)
    value = new_digest(algorithm.name, certificate.der).digest()
    return element("xades:CertDigest", {}, *digest(digest_method(algorithm), value))


def qualifying_properties(signature: str, signed: str, unsigned: Sequence[str] = ()) -> str:
    """ds:Object with xades:QualifyingProperties (clause 4.4.2), its target the signature of that Id."""
    rest = element("xades:UnsignedProperties", {}, element("xades:UnsignedSignatureProperties", {}, *unsigned))
    whole = element(
        "xades:QualifyingProperties",
        {"xmlns:xades": XADES, "Target": f"#{signature}"},
        signed,
        rest if unsigned else "",
    )
    return element("ds:Object", {}, whole)


def signature_time_stamp(token: bytes, canonical: str) -> str:
    """SignatureTimeStamp (clause 5.3) over ds:SignatureValue in that canonical form. `token` is DER."""
    encapsulated = element("xades:EncapsulatedTimeStamp", {}, b64(token))
    return element("xades:SignatureTimeStamp", {}, method_element("ds:CanonicalizationMethod", canonical), encapsulated)


def validation_values(material: Material) -> tuple[str, ...]:
    """CertificateValues (clause 5.4.1) and RevocationValues (5.4.2): of signer and time-stamp alike, since the material
    does not say which is whose; so no TimeStampValidationData (5.5.1)."""
    certificates = (element("xades:EncapsulatedX509Certificate", {}, b64(one)) for one in material.certificates)
    crls = [element("xades:EncapsulatedCRLValue", {}, b64(one)) for one in material.crls]
    answers = [element("xades:EncapsulatedOCSPValue", {}, b64(one)) for one in material.ocsp]
    revocation = [
        element("xades:CRLValues", {}, *crls) if crls else "",
        element("xades:OCSPValues", {}, *answers) if answers else "",
    ]
    found = []
    if material.certificates:
        found.append(element("xades:CertificateValues", {}, *certificates))
    if any(revocation):
        found.append(element("xades:RevocationValues", {}, *revocation))
    return tuple(found)
