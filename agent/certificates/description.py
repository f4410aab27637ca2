"""What a certificate says (X.509, RFC 5280), as one frozen value."""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from agent.algorithms import (
    EC_BITS,
    PKCS1,
    PSS,
    RSA_BITS,
    DigestAlgorithm,
    SignatureAlgorithm,
    algorithm_for,
    can_sign,
    digest_for_key,
    digest_named,
)
from agent.certificates import der, gost_keys, names, rsa_pss
from agent.certificates.usage import UNSAID, Usage, read_usage
from agent.errors import AlgorithmUnsupported, CertificateDamaged

if TYPE_CHECKING:
    from asn1crypto import x509

MAX_CERTIFICATE = 1 << 20  # bytes
CURVES = {
    "1.2.840.10045.3.1.7": ("P-256", 256),
    "1.3.132.0.34": ("P-384", 384),
    "1.3.132.0.35": ("P-521", 521),
}
OTHER_KEYS = {  # by name for people; the first two are signed with where their parameters are known
    "1.2.643.7.1.1.1.1": "GOST R 34.10-2012 256",
    "1.2.643.7.1.1.1.2": "GOST R 34.10-2012 512",
    "1.2.643.2.2.19": "GOST R 34.10-2001",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}
_RSA, _RSA_PSS, _EC = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1"
SIGNING_USAGES = frozenset({"digital_signature", "non_repudiation"})  # one of them must be there (RFC 5280 4.2.1.3)

# Label key of the catalogue, short names of the subject's attributes that it stands for.
_SUBJECT_DETAILS = (
    ("certificate.organisation", ("O",)),
    ("certificate.inn", ("INN", "INNLE")),
    ("certificate.ogrn", ("OGRN", "OGRNIP")),
    ("certificate.snils", ("SNILS",)),
)


class Description(msgspec.Struct, frozen=True):
    """One certificate. Texts are as the certificate has them: whoever shows them makes them safe."""

    der: bytes
    thumbprint: str  # SHA-256 of the DER, lower-case hex
    subject: str  # RFC 4514
    issuer: str  # RFC 4514
    owner: str  # CN of the subject, else O, else the whole subject
    details: tuple[tuple[str, str], ...]  # label key of the catalogue, value
    serial: str  # lower-case hex, whole octets
    not_before: datetime.datetime  # UTC
    not_after: datetime.datetime  # UTC
    key: str  # "RSA 2048", "P-256", "GOST R 34.10-2012 256 (CryptoPro-A)"; for people
    key_type: str  # "rsa", "ec", "gost256", "gost512", else the dotted OID of the key's algorithm
    bits: int  # 0 where not known
    key_usage: frozenset[str] | None  # names of asn1crypto ("digital_signature"); None: no such extension
    is_authority: bool  # basicConstraints CA
    public_key: bytes  # DER of SubjectPublicKeyInfo
    subject_der: bytes
    issuer_der: bytes
    serial_number: int
    subject_key_identifier: bytes | None
    authority_key_identifier: bytes | None
    usage: Usage = UNSAID
    padding: str = ""  # "pss": the key signs with that alone (RFC 4055 section 1.2); "": with what its type knows
    only_digest: str | None = None  # the one digest that such a key signs, by name in algorithms.DIGESTS


def describe(encoded: bytes) -> Description:
    """Read one certificate from DER; nothing is checked but that it can be read. Raises CertificateDamaged."""
    if len(encoded) > MAX_CERTIFICATE:
        raise CertificateDamaged(detail="too large")
    return _describe(bytes(encoded))


@functools.lru_cache(maxsize=1024)
def _describe(encoded: bytes) -> Description:
    from asn1crypto import x509

    try:
        der.check_identifiers(encoded)
        return _read(encoded, x509.Certificate.load(encoded, strict=True))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        # asn1crypto parses as it is asked, and what damaged bytes raise depends on where they are.
        raise CertificateDamaged(detail=type(error).__name__) from error


def _read(encoded: bytes, certificate: x509.Certificate) -> Description:
    body = certificate["tbs_certificate"]
    _check_outside(certificate)
    subject_der, issuer_der = body["subject"].dump(), body["issuer"].dump()
    subject, issuer = names.read_name(subject_der), names.read_name(issuer_der)
    subject_text, issuer_text = names.rfc4514(subject), names.rfc4514(issuer)
    owner = names.first(subject, "CN") or names.first(subject, "O") or subject_text
    number = int(body["serial_number"].native)
    serial = _hex(number)
    public_key = body["subject_public_key_info"].dump()
    key, key_type, bits = _key(public_key)
    limits = rsa_pss.limits(public_key)
    usage = certificate.key_usage_value
    constraints = certificate.basic_constraints_value
    return Description(
        der=encoded,
        thumbprint=hashlib.sha256(encoded).hexdigest(),
        subject=subject_text,
        issuer=issuer_text,
        owner=owner,
        details=_details(owner, subject, names.first(issuer, "CN") or issuer_text, serial),
        serial=serial,
        not_before=_utc(body["validity"]["not_before"]),
        not_after=_utc(body["validity"]["not_after"]),
        key=key,
        key_type=key_type,
        bits=bits,
        key_usage=None if usage is None else frozenset(usage.native),
        is_authority=constraints is not None and bool(constraints["ca"].native),
        public_key=public_key,
        subject_der=subject_der,
        issuer_der=issuer_der,
        serial_number=number,
        subject_key_identifier=certificate.key_identifier,
        authority_key_identifier=certificate.authority_key_identifier,
        usage=read_usage(encoded),
        padding=PSS if limits else "",
        only_digest=limits.digest if limits else None,
    )


def signing_algorithm(
    description: Description, wanted: Sequence[DigestAlgorithm], padding: str = PKCS1
) -> SignatureAlgorithm:
    """What this key signs with: the first of the wanted digests that it can; without any, the one it wants. `padding`
    is of RSA, where the key leaves the choice. Raises AlgorithmUnsupported."""
    padding = description.padding or padding
    if description.only_digest is not None:
        only = digest_named(description.only_digest)
        if wanted and only not in wanted:
            raise AlgorithmUnsupported(algorithm=f"{description.key_type}-{wanted[0].name}")
        return algorithm_for(description.key_type, only, padding)
    digests = wanted or (digest_for_key(description.key_type, description.bits),)
    fitting = (digest for digest in digests if can_sign(description.key_type, digest))
    return algorithm_for(description.key_type, next(fitting, digests[0]), padding)


def _check_outside(certificate: x509.Certificate) -> None:
    """What no signature covers must say what the signed part says (RFC 5280 section 4.1.1.2), in whole octets."""
    signed = certificate["tbs_certificate"]["signature"].dump()
    if certificate["signature_algorithm"].dump() != signed or certificate["signature_value"].contents[:1] != b"\0":
        raise ValueError("signature")


def _details(owner: str, subject: names.Name, issuer: str, serial: str) -> tuple[tuple[str, str], ...]:
    rows = [("certificate.owner", owner)]
    for label, shorts in _SUBJECT_DETAILS:
        rows += [(label, value) for short in shorts if (value := names.first(subject, short))]
    return (*rows, ("certificate.issuer", issuer), ("certificate.serial", serial))


def _key(info: bytes) -> tuple[str, str, int]:
    """Words for people, key type and bits of a SubjectPublicKeyInfo. Read here and not by asn1crypto, which refuses a
    key of an algorithm that it does not know, GOST R 34.10 among them."""
    algorithm, value = der.read(info).children()
    kind, *parameters = algorithm.children()
    dotted = der.dotted(kind)
    if dotted == _RSA or (dotted == _RSA_PSS and rsa_pss.limits(info)):
        modulus, _ = der.read(value.contents[1:]).children()
        bits = int.from_bytes(modulus.contents, "big").bit_length()
        return f"RSA {bits}" if dotted == _RSA else f"RSA-PSS {bits}", "rsa", bits
    if dotted == _EC:
        named = bool(parameters) and parameters[0].tag == der.OBJECT_IDENTIFIER
        curve = der.dotted(parameters[0]) if named else "EC"
        name, bits = CURVES.get(curve, (curve, 0))
        return name, "ec", bits
    gost = gost_keys.read_key(info)
    if gost is not None and not gost.parameters.test:
        return f"{OTHER_KEYS[dotted]} ({gost.parameters.name})", gost.key_type, 8 * gost.parameters.curve.size
    return OTHER_KEYS.get(dotted, dotted), dotted, 0


def _hex(number: int) -> str:
    digits = f"{abs(number):x}"
    return ("-" if number < 0 else "") + digits.zfill(len(digits) + len(digits) % 2)


def _utc(time: x509.Time) -> datetime.datetime:
    moment = time.native
    if not isinstance(moment, datetime.datetime):
        raise ValueError("time out of range")
    return moment.astimezone(datetime.UTC)


def problems(description: Description, now: datetime.datetime) -> tuple[str, ...]:
    """Why the certificate cannot be signed with at `now` (aware): names of the catalogue, empty if all is well."""
    found = []
    if now > description.not_after:
        found.append("expired")
    if now < description.not_before:
        found.append("not_yet_valid")
    found += _key_period_problems(description.usage, now)
    if description.key_usage is not None and not description.key_usage & SIGNING_USAGES:
        found.append("key_usage")
    if not _key_supported(description):
        found.append("key_unsupported")
    return tuple(found)


def _key_period_problems(usage: Usage, now: datetime.datetime) -> list[str]:
    """The period of the private key is often shorter than the certificate's, in Russia 12 or 15 months."""
    if usage.key_not_after is not None and now > usage.key_not_after:
        return ["key_period_over"]
    if usage.key_not_before is not None and now < usage.key_not_before:
        return ["key_period_not_begun"]
    return []


def _key_supported(description: Description) -> bool:
    if description.key_type == "rsa":
        return description.bits in RSA_BITS
    if description.key_type == "ec":
        return description.bits in EC_BITS
    return description.key_type in gost_keys.TYPES
