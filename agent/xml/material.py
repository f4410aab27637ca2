"""Whose validation material is what: XAdES keeps that of the signer and that of the time-stamp apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.certificates.description import Description, describe
from agent.cms.formats import Material
from agent.errors import CertificateDamaged


def divided(material: Material, signer: Description, held: Iterable[bytes], token: bytes) -> tuple[Material, Material]:
    """The signer's, and the rest, which is the time-stamp's. What both need is the signer's.

    Certificates that the signature (`held`, DER) or the time-stamp's `token` carries already are left out of both
    (ETSI EN 319 132-1 clause 6.3, q). What cannot be read is the time-stamp's.
    """
    path = _path(signer, material.certificates, held)
    issuers = {one.issuer_der for one in path}
    serials = {one.serial_number for one in path}
    carried = set(held) | {one for one in material.certificates if one in token}
    certificates = [one for one in dict.fromkeys(material.certificates) if one not in carried]
    own = {one.der for one in path}
    crls = [(one, _reads(_crl_issuer, one) in issuers) for one in dict.fromkeys(material.crls)]
    answers = [(one, _reads(_ocsp_serial, one) in serials) for one in dict.fromkeys(material.ocsp)]

    def part(signers: bool) -> Material:
        return Material(
            certificates=tuple(one for one in certificates if (one in own) is signers),
            ocsp=tuple(one for one, mine in answers if mine is signers),
            crls=tuple(one for one, mine in crls if mine is signers),
        )

    return part(True), part(False)


def _path(signer: Description, *known: Iterable[bytes]) -> list[Description]:
    """The signer and its issuers, as far as names lead."""
    certificates = [one for several in known for one in map(_described, several) if one is not None]
    path = [signer]
    while len(path) <= len(certificates):
        last = path[-1]
        issuer = next((one for one in certificates if one.subject_der == last.issuer_der and one not in path), None)
        if issuer is None:
            break
        path.append(issuer)
    return path


def _described(encoded: bytes) -> Description | None:
    try:
        return describe(encoded)
    except CertificateDamaged:
        return None


def _crl_issuer(encoded: bytes) -> bytes:
    from asn1crypto import crl

    issuer: bytes = crl.CertificateList.load(encoded, strict=True)["tbs_cert_list"]["issuer"].dump()
    return issuer


def _ocsp_serial(encoded: bytes) -> int:
    from asn1crypto import ocsp

    answer = ocsp.OCSPResponse.load(encoded, strict=True).basic_ocsp_response
    return int(answer["tbs_response_data"]["responses"][0]["cert_id"]["serial_number"].native)


def _reads(reader: Callable[[bytes], bytes | int], encoded: bytes) -> bytes | int | None:
    try:
        return reader(encoded)
    except (ValueError, TypeError, IndexError, AttributeError):
        return None
