"""Keys, certificates and key files for tests, made by `cryptography` and openssl, never by our own code."""

from __future__ import annotations

import functools
import hmac
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from agent.tokens.key_file import pkcs12_key

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KEYS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384")
PASSPHRASE = "correct horse пароль"


class Identity(NamedTuple):
    key: PrivateKey
    certificate: x509.Certificate
    authority: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key_pem(self) -> bytes:
        """PKCS#8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class KeyFile(NamedTuple):
    path: Path
    passphrase: str
    identity: Identity


def new_key(kind: str) -> PrivateKey:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    curves: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


@functools.cache
def _cached_key(kind: str) -> PrivateKey:
    return new_key(kind)


@functools.cache
def authority() -> tuple[PrivateKey, x509.Certificate]:
    """A root of the test run."""
    key = _cached_key("p384")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Root")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=False), critical=True)
    )
    return key, builder.sign(key, hashes.SHA384())


def certificate_for(
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, common_name: str, *, days: int = 30
) -> x509.Certificate:
    """A signer's certificate by the test root; with negative `days` it expired that long ago."""
    root_key, root = authority()
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]))
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1) + timedelta(days=min(0, days)))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=True), critical=True)
    )
    return builder.sign(root_key, hashes.SHA384())


def make_identity(
    key: str = "rsa2048", common_name: str = "Test Signer", *, days: int = 30, fresh: bool = False
) -> Identity:
    """A key of KEYS and a new certificate for it. Keys are made once in a run where `fresh` does not ask for more."""
    private = new_key(key) if fresh else _cached_key(key)
    return Identity(private, certificate_for(private.public_key(), common_name, days=days), authority()[1])


def make_key_file(
    directory: Path,
    key: str = "rsa2048",
    *,
    passphrase: str = PASSPHRASE,
    name: str = "signer.p12",
    common_name: str = "Test Signer",
    days: int = 30,
) -> KeyFile:
    """A PKCS#12 file as `cryptography` writes it by default: its derivation is weaker than what Pero keeps."""
    identity = make_identity(key, common_name, days=days)
    content = pkcs12.serialize_key_and_certificates(
        b"test", identity.key, identity.certificate, [identity.authority], BestAvailableEncryption(passphrase.encode())
    )
    path = directory / name
    path.write_bytes(content)
    return KeyFile(path, passphrase, identity)


def make_weak_key_file(
    directory: Path, key: str = "rsa2048", *, passphrase: str = "legacy", name: str = "old.p12"
) -> KeyFile:
    """A PKCS#12 file of the old kind: RC2-40 and 3DES with a SHA-1 derivation, as `openssl pkcs12 -legacy` writes."""
    identity = make_identity(key)
    key_pem, certificate_pem = directory / f"{name}.key", directory / f"{name}.pem"
    key_pem.write_bytes(identity.key_pem)
    certificate_pem.write_bytes(identity.pem)
    path = directory / name
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-legacy", "-inkey", key_pem, "-in", certificate_pem, "-out", path,
         "-passout", f"pass:{passphrase}"],
        check=True, capture_output=True,
    )  # fmt: skip
    key_pem.unlink()
    return KeyFile(path, passphrase, identity)


def several_keys(directory: Path, *kinds: str) -> bytes:
    """A PKCS#12 file with keys of several people, whose MAC is right."""
    from asn1crypto import pkcs12 as asn1

    def bags(one: asn1.Pfx) -> tuple[asn1.AuthenticatedSafe, int, asn1.SafeContents]:
        safes = asn1.AuthenticatedSafe.load(one["auth_safe"]["content"].native)
        place = next(place for place, safe in enumerate(safes) if safe["content_type"].native == "data")
        return safes, place, asn1.SafeContents.load(safes[place]["content"].native)

    pfx, *others = (
        asn1.Pfx.load(make_key_file(directory, kind).path.read_bytes()) for kind in kinds or ("p256", "p384", "rsa2048")
    )
    safes, place, own = bags(pfx)
    for other in others:
        own.append(bags(other)[2][0])
    safes[place]["content"] = own.dump(force=True)
    content, mac = safes.dump(force=True), pfx["mac_data"]
    pfx["auth_safe"] = {"content_type": "data", "content": content}
    key = pkcs12_key(PASSPHRASE.encode(), mac["mac_salt"].native, int(mac["iterations"].native), "sha256")
    mac["mac"]["digest"] = hmac.digest(key, content, "sha256")
    return bytes(pfx.dump(force=True))


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign, content_commitment=sign, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=not sign, crl_sign=not sign, encipher_only=False, decipher_only=False,
    )  # fmt: skip
