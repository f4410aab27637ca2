"""The demo authority and its signers: certificates that nobody trusts, for trying things out.

The authority's private key lives only while the signers' certificates are made.
"""

from __future__ import annotations

import datetime
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.certificates.names import SHORT_NAMES
from agent.config import secure_folder, write_private
from agent.errors import FileUnreadable, FileUnwritable

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

PROFILE = Path(__file__).parents[2] / "certs" / "demo.json"
PASSPHRASE_FILE = "pin.txt"  # noqa: S105 - a name, no passphrase
_CLOCKS_DIFFER = datetime.timedelta(minutes=5)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # typed without Shift, nothing that looks like something else
_NUMERIC = frozenset({"INN", "INNLE", "OGRN", "OGRNIP", "SNILS"})  # NumericString


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: str
    subject: tuple[tuple[str, str], ...]  # short name, value; in the order of the certificate


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: str
    key: str  # "rsa-2048", "p-256"
    subject: tuple[tuple[str, str], ...]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days: int
    iterations: int  # of PBKDF2
    authority: Authority
    signers: tuple[Signer, ...]


def load_profile(path: Path = PROFILE) -> Profile:
    """Raises FileUnreadable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except (OSError, msgspec.MsgspecError) as error:
        raise FileUnreadable(path=str(path), reason=str(error)) from error


def create(folder: Path, profile: Profile, now: datetime.datetime) -> tuple[Path, ...]:
    """Write authority, signers and passphrase into a new or empty folder (0700, files 0600); the paths written.

    `now` is aware. Raises FileUnwritable (reason "not empty" where anything is there already), StateUnsafe.
    """
    secure_folder(folder)
    if any(folder.iterdir()):
        raise FileUnwritable(path=str(folder), reason="not empty")
    passphrase = _passphrase()
    contents = {**_files(profile, passphrase, now), PASSPHRASE_FILE: passphrase.encode("ascii") + b"\n"}
    for name, content in contents.items():
        write_private(folder / name, content)
    return tuple(folder / name for name in contents)


def _files(profile: Profile, passphrase: str, now: datetime.datetime) -> dict[str, bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding

    authority_key = _new_key("p-256")
    name = _name(profile.authority.subject)
    period = (now - _CLOCKS_DIFFER, now - _CLOCKS_DIFFER + datetime.timedelta(days=profile.days))
    authority = _certificate(name, authority_key, name, authority_key, period, authority=True)
    files = {profile.authority.file: authority.public_bytes(Encoding.PEM)}
    for signer in profile.signers:
        key = _new_key(signer.key)
        certificate = _certificate(_name(signer.subject), key, name, authority_key, period, authority=False)
        files[signer.file] = _key_file(key, certificate, authority, passphrase, profile.iterations)
    return files


def _certificate(
    subject: x509.Name,
    key: PrivateKey,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    period: tuple[datetime.datetime, datetime.datetime],
    *,
    authority: bool,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), *period)
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.BasicConstraints(ca=authority, path_length=0 if authority else None), True),
        (_key_usage(authority), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(authority: bool) -> x509.KeyUsage:
    """keyCertSign and cRLSign for the authority, digitalSignature and nonRepudiation for a signer."""
    from cryptography import x509

    signer = not authority
    return x509.KeyUsage(
        digital_signature=signer,
        content_commitment=signer,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(subject: tuple[tuple[str, str], ...]) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.name import _ASN1Type  # no public way to a NumericString

    oids = {short: x509.ObjectIdentifier(dotted) for dotted, short in SHORT_NAMES.items()}
    numeric = _ASN1Type.NumericString
    return x509.Name(
        x509.NameAttribute(oids[short], value, numeric if short in _NUMERIC else None) for short, value in subject
    )


def _new_key(kind: str) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if kind == "p-256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa-")))


def _key_file(
    key: PrivateKey, certificate: x509.Certificate, authority: x509.Certificate, passphrase: str, iterations: int
) -> bytes:
    """PKCS#12 (RFC 7292) with PBES2, AES-256 and HMAC-SHA-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(iterations)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(passphrase.encode("ascii"))
    )
    return pkcs12.serialize_key_and_certificates(b"DEMO", key, certificate, [authority], encryption)


def _passphrase() -> str:
    """Twelve random characters in three groups, 59 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
