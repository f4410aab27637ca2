"""What a certificate says (X.509, RFC 5280), as one frozen value."""

from __future__ import annotations

import datetime
import functools
import hashlib
from typing import TYPE_CHECKING

import msgspec

from agent.algorithms import EC_BITS, RSA_BITS
from agent.certificates import names
from agent.errors import CertificateDamaged

if TYPE_CHECKING:
    from asn1crypto import keys, x509

MAX_CERTIFICATE = 1 << 20  # bytes
CURVES = {"secp256r1": ("P-256", 256), "secp384r1": ("P-384", 384), "secp521r1": ("P-521", 521)}
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
    key: str  # "RSA 2048", "P-256"; for people
    key_type: str  # "rsa", "ec", else the dotted OID of the key's algorithm
    bits: int  # 0 where not known
    key_usage: frozenset[str] | None  # names of asn1crypto ("digital_signature"); None: no such extension
    is_authority: bool  # basicConstraints CA
    public_key: bytes  # DER of SubjectPublicKeyInfo
    subject_der: bytes
    issuer_der: bytes
    serial_number: int
    subject_key_identifier: bytes | None
    authority_key_identifier: bytes | None


def describe(der: bytes) -> Description:
    """Read one certificate from DER; nothing is checked but that it can be read. Raises CertificateDamaged."""
    if len(der) > MAX_CERTIFICATE:
        raise CertificateDamaged(detail="too large")
    return _describe(bytes(der))


@functools.lru_cache(maxsize=128)
def _describe(der: bytes) -> Description:
    from asn1crypto import x509

    try:
        return _read(der, x509.Certificate.load(der, strict=True))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        # asn1crypto parses as it is asked, and what damaged bytes raise depends on where they are.
        raise CertificateDamaged(detail=type(error).__name__) from error


def _read(der: bytes, certificate: x509.Certificate) -> Description:
    body = certificate["tbs_certificate"]
    subject_der, issuer_der = body["subject"].dump(), body["issuer"].dump()
    subject, issuer = names.read_name(subject_der), names.read_name(issuer_der)
    subject_text, issuer_text = names.rfc4514(subject), names.rfc4514(issuer)
    owner = names.first(subject, "CN") or names.first(subject, "O") or subject_text
    number = int(body["serial_number"].native)
    serial = _hex(number)
    key, key_type, bits = _key(body["subject_public_key_info"])
    usage = certificate.key_usage_value
    constraints = certificate.basic_constraints_value
    return Description(
        der=der,
        thumbprint=hashlib.sha256(der).hexdigest(),
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
        public_key=body["subject_public_key_info"].dump(),
        subject_der=subject_der,
        issuer_der=issuer_der,
        serial_number=number,
        subject_key_identifier=certificate.key_identifier,
        authority_key_identifier=certificate.authority_key_identifier,
    )


def _details(owner: str, subject: names.Name, issuer: str, serial: str) -> tuple[tuple[str, str], ...]:
    rows = [("certificate.owner", owner)]
    for label, shorts in _SUBJECT_DETAILS:
        rows += [(label, value) for short in shorts if (value := names.first(subject, short))]
    return (*rows, ("certificate.issuer", issuer), ("certificate.serial", serial))


def _key(info: keys.PublicKeyInfo) -> tuple[str, str, int]:
    """Words for people, key type and bits of a public key; a kind that we do not know is named by its OID."""
    dotted = str(info["algorithm"]["algorithm"].dotted)
    if dotted == "1.2.840.113549.1.1.1":
        bits = int(info["public_key"].parsed["modulus"].native).bit_length()
        return f"RSA {bits}", "rsa", bits
    if dotted == "1.2.840.10045.2.1":
        parameters = info["algorithm"]["parameters"]
        curve = str(parameters.native) if parameters.name == "named" else "?"
        name, bits = CURVES.get(curve, (curve, 0))
        return name, "ec", bits
    return dotted, dotted, 0


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
    if description.key_usage is not None and not description.key_usage & SIGNING_USAGES:
        found.append("key_usage")
    if not _key_supported(description):
        found.append("key_unsupported")
    return tuple(found)


def _key_supported(description: Description) -> bool:
    if description.key_type == "rsa":
        return description.bits in RSA_BITS
    return description.key_type == "ec" and description.bits in EC_BITS
