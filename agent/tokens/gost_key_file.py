"""GOST keys out of PKCS#12 files, which `cryptography` takes for files with a wrong passphrase (RFC 7292).

Read are the files of OpenSSL with its GOST engine: PBES2 with PBKDF2 and AES, a MAC with SHA-2. Those encrypted
by GOST 28147-89 or in a vendor's own way are not.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple

from agent.certificates import der
from agent.certificates.gost_keys import read_key
from agent.errors import AlgorithmUnsupported, KeyFileDamaged, KeyFileWithoutKey, PassphraseIncorrect
from agent.tokens import public_key
from agent.tokens.key_file import pkcs12_key

_TYPES = {"1.2.643.7.1.1.1.1": ("gost256", 32), "1.2.643.7.1.1.1.2": ("gost512", 64)}
_HASHES = ("sha256", "sha384", "sha512")
_MOST_ROUNDS = 10_000_000  # of a derivation: a file that wants more wants the worker to hang


class GostKey(NamedTuple):
    key_type: str
    parameter_set: bytes  # DER of its OID
    secret: bytes  # least significant octet first, as CKA_VALUE has it
    certificates: tuple[bytes, ...]  # DER; the key's own first


def open_file(content: bytes, passphrase: bytes, name: str) -> GostKey:
    """Raises PassphraseIncorrect, KeyFileDamaged, KeyFileWithoutKey, AlgorithmUnsupported."""
    from asn1crypto import pkcs12

    try:
        pfx = pkcs12.Pfx.load(content, strict=True)
        _check_mac(pfx, passphrase, name)
        bags = [bag for safe in pfx.authenticated_safe for bag in _bags(safe, passphrase)]
        keys = [_decrypted(bag["bag_value"], passphrase) for bag in bags if bag["bag_id"].native == _SHROUDED]
        certificates = [_certificate(bag) for bag in bags if bag["bag_id"].native == "cert_bag"]
        found = [key for key in map(_key, keys) if key]
        return _matched(found, certificates, name)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise KeyFileDamaged(file=name) from error


_SHROUDED = "pkcs8_shrouded_key_bag"


def _check_mac(pfx: Any, passphrase: bytes, name: str) -> None:
    data = pfx["mac_data"]
    if data.native is None:
        raise AlgorithmUnsupported(algorithm="PKCS#12")
    algorithm = data["mac"]["digest_algorithm"]["algorithm"].native
    rounds = int(data["iterations"].native)
    if algorithm not in _HASHES or rounds > _MOST_ROUNDS:
        raise AlgorithmUnsupported(algorithm=f"PKCS#12 {algorithm}")
    key = pkcs12_key(passphrase, data["mac_salt"].native, rounds, algorithm)
    made = hmac.digest(key, pfx["auth_safe"]["content"].native, algorithm)
    if not hmac.compare_digest(made, data["mac"]["digest"].native):
        raise PassphraseIncorrect(file=name)


def _bags(safe: Any, passphrase: bytes) -> list[Any]:
    from asn1crypto import pkcs12

    if safe["content_type"].native == "data":
        return list(pkcs12.SafeContents.load(safe["content"].native))
    info = safe["content"]["encrypted_content_info"]
    algorithm = info["content_encryption_algorithm"]
    return list(pkcs12.SafeContents.load(_plain(algorithm, info["encrypted_content"].native, passphrase)))


def _decrypted(bag: Any, passphrase: bytes) -> bytes:
    return _plain(bag["encryption_algorithm"], bag["encrypted_data"].native, passphrase)


def _plain(algorithm: Any, encrypted: bytes, passphrase: bytes) -> bytes:
    """PBES2 (RFC 8018 section 6.2)."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if algorithm["algorithm"].native != "pbes2" or algorithm.kdf != "pbkdf2" or algorithm.encryption_cipher != "aes":
        raise AlgorithmUnsupported(algorithm=f"PKCS#12 {algorithm['algorithm'].native}")
    if algorithm.kdf_hmac not in _HASHES or algorithm.kdf_iterations > _MOST_ROUNDS:
        raise AlgorithmUnsupported(algorithm="PKCS#12 PBKDF2")
    key = hashlib.pbkdf2_hmac(
        algorithm.kdf_hmac, passphrase, algorithm.kdf_salt, algorithm.kdf_iterations, algorithm.key_length
    )
    cipher = Cipher(algorithms.AES(key), modes.CBC(algorithm.encryption_iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(cipher.update(encrypted) + cipher.finalize()) + unpadder.finalize()


def _certificate(bag: Any) -> bytes:
    return bytes(bag["bag_value"]["cert_value"].parsed.dump())


def _key(info: bytes) -> tuple[str, bytes, bytes] | None:
    """Type, parameter set and secret out of a PrivateKeyInfo; None of a key of another kind. The secret stands in the
    OCTET STRING bare, or in another OCTET STRING, or as an INTEGER, whose order is the other one."""
    _, algorithm, private, *_ = der.read(info).children()
    kind, *parameters = algorithm.children()
    if der.dotted(kind) not in _TYPES or not parameters:
        return None
    key_type, size = _TYPES[der.dotted(kind)]
    names = list(parameters[0].children())
    octets = private.contents
    if len(octets) != size:
        inner = der.read(octets)
        octets = inner.contents
        if inner.tag == der.INTEGER:
            octets = int.from_bytes(octets, "big").to_bytes(size, "little")
    if len(octets) != size:
        raise ValueError("length of a private key")
    return key_type, names[0].whole, octets


def _matched(found: list[tuple[str, bytes, bytes]], certificates: list[bytes], name: str) -> GostKey:
    """The key with the certificate of its kind and parameters; that they belong together is proved on the token."""
    for key_type, parameter_set, secret in found:
        own = [one for one in certificates if _is_of(one, key_type, parameter_set) and not _issues(one, certificates)]
        if own:
            others = [one for one in certificates if one != own[0]]
            return GostKey(key_type, parameter_set, secret, (own[0], *others))
    raise KeyFileWithoutKey(file=name)


def _is_of(certificate: bytes, key_type: str, parameter_set: bytes) -> bool:
    key = read_key(public_key.info_of(certificate))
    return key is not None and key.key_type == key_type and der.oid(key.parameters.oid) == parameter_set


def _issues(certificate: bytes, others: list[bytes]) -> bool:
    """Whether it stands above another certificate of the file."""
    from agent.tokens.key_templates import fields

    subject = fields(certificate)[1]
    return any(fields(other)[0] == subject for other in others)
