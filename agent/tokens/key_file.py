"""PKCS#12 files (RFC 7292): opened with a passphrase, judged, written anew with a strong derivation.

`cryptography` and asn1crypto are imported where they are needed: a worker that only lists starts without them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.algorithms import EC_BITS, PSS, RSA_BITS, SignatureAlgorithm
from agent.errors import AlgorithmUnsupported, KeyFileDamaged, KeyFileSeveralKeys, KeyFileWithoutKey, PinIncorrect

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates

ROUNDS = 600_000  # of PBKDF2-HMAC-SHA256, and of the MAC's own derivation
STRONG_ROUNDS = 100_000  # a file with fewer is written anew
MOST_ROUNDS = 10_000_000  # of all derivations of a file together: one that wants more wants the worker to hang
_SALT = 16  # bytes
_AES_256 = 32  # bytes of its key
_STRONG_HASHES = ("sha256", "sha384", "sha512")


class OpenedFile(NamedTuple):
    key: RSAPrivateKey | EllipticCurvePrivateKey
    certificates: tuple[bytes, ...]  # DER; the key's own first


def check(content: bytes, name: str) -> None:
    """Whether this is a PKCS#12 file at all, before anybody is asked for a passphrase.

    Raises KeyFileDamaged, KeyFileSeveralKeys, AlgorithmUnsupported where a derivation would take minutes.
    """
    from asn1crypto import pkcs12

    try:
        pfx = pkcs12.Pfx.load(content, strict=True)
        if pfx["version"].native != "v3":
            raise KeyFileDamaged(file=name)
        for safe in pfx.authenticated_safe:
            if safe["content_type"].native not in ("data", "encrypted_data"):
                raise KeyFileDamaged(file=name)
        if sum(_keys(safe) for safe in pfx.authenticated_safe) > 1:
            raise KeyFileSeveralKeys(file=name)
        rounds = _mac_rounds(pfx) + sum(_safe_rounds(safe) for safe in pfx.authenticated_safe)
    except (ValueError, TypeError, KeyError) as error:
        raise KeyFileDamaged(file=name) from error
    if rounds > MOST_ROUNDS:
        raise AlgorithmUnsupported(algorithm=f"PKCS#12, {rounds}")


def _mac_rounds(pfx: Any) -> int:
    return int(pfx["mac_data"]["iterations"].native) if pfx["mac_data"].native else 0


def _keys(safe: Any) -> int:
    """Those that can be seen without the passphrase."""
    from asn1crypto import pkcs12

    if safe["content_type"].native == "encrypted_data":
        return 0
    bags = pkcs12.SafeContents.load(safe["content"].native)
    return sum(bag["bag_id"].native in ("key_bag", "pkcs8_shrouded_key_bag") for bag in bags)


def _safe_rounds(safe: Any) -> int:
    """Those that can be seen without the passphrase."""
    from asn1crypto import pkcs12

    if safe["content_type"].native == "encrypted_data":
        return _rounds(safe["content"]["encrypted_content_info"]["content_encryption_algorithm"])
    bags = pkcs12.SafeContents.load(safe["content"].native)
    shrouded = [bag for bag in bags if bag["bag_id"].native == "pkcs8_shrouded_key_bag"]
    return sum(_rounds(bag["bag_value"]["encryption_algorithm"]) for bag in shrouded)


def _rounds(algorithm: Any) -> int:
    """Of PBKDF2 or of a derivation of PKCS#12; none where it has none (scrypt, whose memory openssl bounds)."""
    try:
        return int(algorithm.kdf_iterations)
    except (ValueError, TypeError, KeyError):
        return 0


def open_file(content: bytes, passphrase: bytes, name: str) -> OpenedFile:
    """Key and certificates.

    Raises PinIncorrect (which is also what damage inside the encrypted parts looks like), KeyFileDamaged,
    KeyFileWithoutKey, AlgorithmUnsupported.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = _load(content, passphrase, name)
    if found.key is None:
        raise KeyFileWithoutKey(file=name)
    key = _supported(found.key)
    every = [entry.certificate for entry in (found.cert, *found.additional_certs) if entry is not None]

    def spki(public: Any) -> bytes:
        return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    own = spki(key.public_key())
    mine = [certificate for certificate in every if spki(certificate.public_key()) == own]
    if not mine:
        raise KeyFileWithoutKey(file=name)
    others = [certificate for certificate in every if certificate is not mine[0]]
    return OpenedFile(key, tuple(certificate.public_bytes(Encoding.DER) for certificate in (mine[0], *others)))


def _load(content: bytes, passphrase: bytes, name: str) -> PKCS12KeyAndCertificates:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        return pkcs12.load_pkcs12(content, passphrase)
    except ValueError as error:
        if "password" in str(error).lower():  # the library has one exception for both
            raise PinIncorrect(tries_left=None, count_low=False, final_try=False) from error
        raise KeyFileDamaged(file=name) from error
    except UnsupportedAlgorithm as error:
        raise AlgorithmUnsupported(algorithm="PKCS#12") from error


def _supported(key: object) -> RSAPrivateKey | EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size in RSA_BITS:
            return key
        raise AlgorithmUnsupported(algorithm=f"RSA {key.key_size}")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)) and key.key_size in EC_BITS:
            return key
        raise AlgorithmUnsupported(algorithm=key.curve.name)
    raise AlgorithmUnsupported(algorithm=type(key).__name__)


def sign(key: RSAPrivateKey | EllipticCurvePrivateKey, algorithm: SignatureAlgorithm, digest: bytes) -> bytes:
    """PKCS#1 v1.5 block, PSS block with a salt as long as the digest, or DER of Ecdsa-Sig-Value. Raises
    AlgorithmUnsupported where the key is of another type."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    kinds = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    prehashed = utils.Prehashed(kinds[algorithm.digest.name])
    if isinstance(key, rsa.RSAPrivateKey) and algorithm.key_type == "rsa":
        if algorithm.padding != PSS:
            return key.sign(digest, padding.PKCS1v15(), prehashed)
        mask = padding.MGF1(kinds[algorithm.digest.name])
        return key.sign(digest, padding.PSS(mask, algorithm.digest.size), prehashed)
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm.key_type == "ec":
        return key.sign(digest, ec.ECDSA(prehashed))
    raise AlgorithmUnsupported(algorithm=algorithm.name)


def is_strong(content: bytes) -> bool:
    """Whether guessing the passphrase of this file is slow: every part PBES2 with AES-256 and PBKDF2, as the MAC."""
    from asn1crypto import pkcs12

    pfx = pkcs12.Pfx.load(content)
    mac = pfx["mac_data"]
    if mac.native is None or mac["mac"]["digest_algorithm"]["algorithm"].native not in _STRONG_HASHES:
        return False
    if int(mac["iterations"].native) < STRONG_ROUNDS:
        return False
    return all(_safe_is_strong(safe) for safe in pfx.authenticated_safe)


def _safe_is_strong(safe: Any) -> bool:
    from asn1crypto import pkcs12

    if safe["content_type"].native == "encrypted_data":
        return _encryption_is_strong(safe["content"]["encrypted_content_info"]["content_encryption_algorithm"])
    bags = pkcs12.SafeContents.load(safe["content"].native)
    for bag in bags:
        if bag["bag_id"].native == "key_bag":
            return False
        shrouded = bag["bag_id"].native == "pkcs8_shrouded_key_bag"
        if shrouded and not _encryption_is_strong(bag["bag_value"]["encryption_algorithm"]):
            return False
    return True


def _encryption_is_strong(algorithm: Any) -> bool:
    if algorithm["algorithm"].native != "pbes2" or algorithm.kdf != "pbkdf2":
        return False
    derivation = algorithm["parameters"]["key_derivation_func"]["parameters"]
    prf = derivation["prf"]["algorithm"].native
    return (
        algorithm.encryption_cipher == "aes"
        and algorithm.key_length == _AES_256
        and prf in _STRONG_HASHES
        and int(derivation["iteration_count"].native) >= STRONG_ROUNDS
    )


def strengthened(
    content: bytes, passphrase: bytes, name: str, *, new: bytes | None = None, certificates: Sequence[bytes] = ()
) -> bytes:
    """The same key and certificates under the same passphrase, or a `new` one; or other `certificates`, the key's own
    first.

    PBES2, AES-256-CBC, PBKDF2-HMAC-SHA256, HMAC-SHA256."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

    found, wanted = _load(content, passphrase, name), passphrase if new is None else new
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(wanted)
    )
    own = found.cert.certificate if found.cert else None
    others: Sequence[Any] = found.additional_certs
    if certificates:
        own, *others = map(x509.load_der_x509_certificate, certificates)
    friendly = found.cert.friendly_name if found.cert else None
    written = pkcs12.serialize_key_and_certificates(friendly, _supported(found.key), own, others, encryption)
    return _with_slow_mac(written, wanted)


def _with_slow_mac(content: bytes, passphrase: bytes) -> bytes:
    """The library's MAC takes 2048 rounds, which would be the quick way to guess; ours takes ROUNDS (appendix A, B)."""
    from asn1crypto import pkcs12

    pfx = pkcs12.Pfx.load(content)
    salt = os.urandom(_SALT)
    key = pkcs12_key(passphrase, salt, ROUNDS, "sha256")
    value = hmac.digest(key, pfx["auth_safe"]["content"].native, "sha256")
    pfx["mac_data"] = {
        "mac": {"digest_algorithm": {"algorithm": "sha256"}, "digest": value},
        "mac_salt": salt,
        "iterations": ROUNDS,
    }
    return bytes(pfx.dump(force=True))


def pkcs12_key(passphrase: bytes, salt: bytes, rounds: int, algorithm: str) -> bytes:
    """RFC 7292 appendix B.2, ID 3 (a MAC), for a key as long as the digest of SHA-2: nothing to carry over.

    Raises UnicodeDecodeError at a passphrase that is not UTF-8.
    """
    block = hashlib.new(algorithm).block_size

    def filled(value: bytes) -> bytes:
        size = -(-len(value) // block) * block
        return (value * (size // len(value) + 1))[:size]

    password = passphrase.decode("utf-8").encode("utf-16-be") + b"\0\0"
    digest = hashlib.new(algorithm, bytes([3]) * block + filled(salt) + filled(password)).digest()
    for _ in range(rounds - 1):
        digest = hashlib.new(algorithm, digest).digest()
    return digest
