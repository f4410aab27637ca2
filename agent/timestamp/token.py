"""A time-stamp token (RFC 3161 section 2.4.2, updated by RFC 5816): is it one, of these octets?

Pure: octets in, a value or a `WrongToken` out. Tokens are read strictly as DER. Who vouches for the authority's
certificate, and whether it was revoked, is not said here.
"""

from __future__ import annotations

import datetime
import hmac

import msgspec

from agent.algorithms import ALGORITHMS, DIGESTS, PSS, SignatureAlgorithm, new_digest
from agent.certificates import der, extensions
from agent.certificates.chain import SIGNATURES_WITH_DIGEST
from agent.certificates.description import Description, describe
from agent.certificates.signatures import is_signature
from agent.cms.signed_data import signature_algorithm
from agent.errors import CertificateDamaged
from agent.timestamp.times import generalized

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
MAX_TOKEN = 256 << 10  # octets

_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_CONSTRUCTED_0 = 0xA0
_KEY_IDENTIFIER = 0x80  # [0] of SignerIdentifier
_DIGEST_NAMES = {digest.oid: digest.name for digest in DIGESTS}
_HASHES = {**_DIGEST_NAMES, "1.3.14.3.2.26": "sha1"}  # SHA-1: the first signing-certificate (RFC 2634 section 5.4)
_DAMAGE = (ValueError, StopIteration, IndexError, CertificateDamaged)  # whatever a malformed structure raises
_USAGES = frozenset({"digital_signature", "non_repudiation"})


class WrongToken(Exception):
    """A token that is none of these octets, or none at all. `reason` is one of texts.errors.TRIED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Timestamp(msgspec.Struct, frozen=True):
    """What a token says, once it was verified."""

    moment: datetime.datetime  # UTC: genTime
    policy: str  # dotted OID
    serial: int
    nonce: int | None
    digest_algorithm: str  # of the imprint; name in algorithms.DIGESTS
    imprint: bytes
    certificate: Description  # of the authority
    certificates: tuple[bytes, ...]  # DER of all that the token carries, the authority's own among them


def verify_timestamp(token: bytes, octets: bytes) -> Timestamp:
    """Raises WrongToken unless `token` (DER of a ContentInfo) is a time-stamp of the octets.

    1. read the structure  2. the imprint  3. the signer's certificate and what the attributes name  4. the content's
    digest  5. the signature  6. the certificate's purpose and its period at genTime
    """
    try:
        return _verify(token, octets)
    except _DAMAGE as error:
        raise WrongToken("damaged") from error


def read_certificates(token: bytes) -> tuple[Description, tuple[bytes, ...]]:
    """The authority's certificate, and DER of all that a token carries; nothing is verified. Raises WrongToken."""
    try:
        _content, certificates, signer = _read(token)
        return signer.certificate(certificates), certificates
    except _DAMAGE as error:
        raise WrongToken("damaged") from error


def _verify(token: bytes, octets: bytes) -> Timestamp:
    # 1.
    content, certificates, signer = _read(token)
    stamp = _Info(content)
    # 2.
    if not hmac.compare_digest(new_digest(stamp.digest_algorithm, octets).digest(), stamp.imprint):
        raise WrongToken("imprint")
    # 3.
    attributes = signer.attributes()
    certificate = signer.certificate(certificates)
    if not _is_named(attributes, certificate):
        raise WrongToken("certificate")
    # 4.
    algorithm = signer.algorithm(certificate.key_type)
    if attributes[_CONTENT_TYPE] != der.oid(TST_INFO):
        raise WrongToken("damaged")
    digest = new_digest(algorithm.digest.name, content).digest()
    if not hmac.compare_digest(der.tlv(der.OCTET_STRING, digest), attributes[_MESSAGE_DIGEST]):
        raise WrongToken("signature")
    # 5.
    signed = new_digest(algorithm.digest.name, signer.signed).digest()
    if not is_signature(certificate.public_key, algorithm, signed, signer.value):
        raise WrongToken("signature")
    # 6.
    _check_purpose(certificate)
    if not certificate.not_before <= stamp.moment <= certificate.not_after:
        raise WrongToken("expired")
    return Timestamp(
        moment=stamp.moment,
        policy=stamp.policy,
        serial=stamp.serial,
        nonce=stamp.nonce,
        digest_algorithm=stamp.digest_algorithm,
        imprint=stamp.imprint,
        certificate=certificate,
        certificates=certificates,
    )


def _read(token: bytes) -> tuple[bytes, tuple[bytes, ...], _Signer]:
    """DER of TSTInfo, certificates, and the one signer (RFC 3161 section 2.4.2)."""
    if len(token) > MAX_TOKEN:
        raise WrongToken("too_large")
    whole = der.read(token)
    kind, explicit = whole.children()
    tags = whole.tag, explicit.tag
    if whole.end != len(token) or tags != (der.SEQUENCE, _CONSTRUCTED_0) or der.dotted(kind) != SIGNED_DATA:
        raise WrongToken("damaged")
    (body,) = explicit.children()
    _version, _digests, encapsulated, *sets, signers = body.children()
    content_type, content = encapsulated.children()
    if der.dotted(content_type) != TST_INFO:
        raise WrongToken("damaged")
    (octets,) = content.children()
    (signer,) = signers.children()
    if (content.tag, octets.tag, signer.tag) != (_CONSTRUCTED_0, der.OCTET_STRING, der.SEQUENCE):
        raise WrongToken("damaged")
    certificates = [one.whole for part in sets if part.tag == _CONSTRUCTED_0 for one in part.children()]
    return octets.contents, tuple(one for one in certificates if one[0] == der.SEQUENCE), _Signer(signer)


class _Info:
    """TSTInfo."""

    def __init__(self, encoded: bytes) -> None:
        version, policy, imprint, serial, moment, *others = der.read(encoded).children()
        algorithm, hashed = imprint.children()
        name = _DIGEST_NAMES.get(der.dotted(next(algorithm.children())))
        if version.whole != der.integer(1) or serial.tag != der.INTEGER or hashed.tag != der.OCTET_STRING:
            raise WrongToken("damaged")
        if name is None:
            raise WrongToken("algorithm")
        nonces = [one for one in others if one.tag == der.INTEGER]
        self.policy = der.dotted(policy)
        self.digest_algorithm = name
        self.imprint = hashed.contents
        self.serial = int.from_bytes(serial.contents, "big", signed=True)
        self.moment = generalized(moment)
        self.nonce = int.from_bytes(nonces[0].contents, "big", signed=True) if nonces else None


class _Signer:
    """SignerInfo (RFC 5652 section 5.3)."""

    def __init__(self, element: der.Element) -> None:
        _version, self._identifier, digest, attributes, signature, value, *_unsigned = element.children()
        if attributes.tag != _CONSTRUCTED_0 or value.tag != der.OCTET_STRING:
            raise WrongToken("damaged")
        self._attributes = attributes
        self._digest = der.dotted(next(digest.children()))
        self._signature = signature.whole
        self._named = der.dotted(next(signature.children()))
        self.signed = bytes((der.SET,)) + attributes.whole[1:]
        self.value = value.contents

    def attributes(self) -> dict[str, bytes]:
        """The one value of each signed attribute, DER, by dotted OID; those that must be there are."""
        found: dict[str, bytes] = {}
        for attribute in self._attributes.children():
            kind, values = attribute.children()
            (value,) = values.children()
            if der.dotted(kind) in found:
                raise WrongToken("damaged")
            found[der.dotted(kind)] = value.whole
        if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= found.keys():
            raise WrongToken("damaged")
        return found

    def certificate(self, certificates: tuple[bytes, ...]) -> Description:
        for one in map(describe, certificates):
            if self._identifier.tag == _KEY_IDENTIFIER:
                if one.subject_key_identifier == self._identifier.contents:
                    return one
            elif self._identifier.contents == one.issuer_der + der.integer(one.serial_number):
                return one
        raise WrongToken("certificate")

    def algorithm(self, key_type: str) -> SignatureAlgorithm:
        """The row of ALGORITHMS; signatureAlgorithm may name the digest too. PSS has parameters that must be ours."""
        for row in ALGORITHMS:
            if (row.digest.oid, row.key_type) != (self._digest, key_type):
                continue
            if row.padding == PSS:
                if self._signature == signature_algorithm(row):
                    return row
            elif self._named == row.oid or SIGNATURES_WITH_DIGEST.get(self._named) == (row.key_type, row.digest):
                return row
        raise WrongToken("algorithm")


def _is_named(attributes: dict[str, bytes], certificate: Description) -> bool:
    """Whether signing-certificate(-v2), one of which must be there, names this certificate first."""
    hashed: str | None = "sha256"
    if _SIGNING_CERTIFICATE_V2 in attributes:
        identifier = _first_identifier(attributes[_SIGNING_CERTIFICATE_V2])
        if identifier[0].tag == der.SEQUENCE:
            hashed = _HASHES.get(der.dotted(next(identifier[0].children())))
            identifier = identifier[1:]
    elif _SIGNING_CERTIFICATE in attributes:
        identifier, hashed = _first_identifier(attributes[_SIGNING_CERTIFICATE]), "sha1"
    else:
        return False
    if hashed is None:
        raise WrongToken("algorithm")
    return hmac.compare_digest(new_digest(hashed, certificate.der).digest(), identifier[0].contents)


def _first_identifier(value: bytes) -> list[der.Element]:
    """The parts of the first ESSCertID(v2)."""
    certificates = next(der.read(value).children())
    return list(next(certificates.children()).children())


def _check_purpose(certificate: Description) -> None:
    """Time-stamping alone, and critical (RFC 3161 section 2.3); a key usage that is there allows signatures."""
    found = extensions.of_certificate(certificate.der)
    if extensions.purposes(found) != (extensions.TIME_STAMPING,) or not found[extensions.EXTENDED_KEY_USAGE].critical:
        raise WrongToken("purpose")
    if certificate.key_usage is not None and not certificate.key_usage & _USAGES:
        raise WrongToken("purpose")
