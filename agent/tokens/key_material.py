"""The attributes with which a private key out of a file is written to a token (PKCS#11 v2.40 sections 4.8 and 4.9).

Python's integers and bytes cannot be wiped: the worker process that held them ends when it is idle.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent.certificates import der
from agent.errors import AlgorithmUnsupported
from agent.tokens import pkcs11, public_key
from agent.tokens.gost_key_file import GostKey
from agent.tokens.inventory import CURVES
from agent.tokens.key_file import OpenedFile
from agent.tokens.key_templates import gost_template
from agent.tokens.objects import EC_PARAMS, PUBLIC_EXPONENT
from agent.tokens.writing import Value

# What a token that takes such a key can do with it: CKM_RSA_PKCS, CKM_ECDSA, CKM_GOSTR3410, CKM_GOSTR3410_512
MECHANISMS = {"rsa": 0x0001, "ec": 0x1041, "gost256": 0x1201, "gost512": 0xD4321006}
# CKA_PRIVATE_EXPONENT, PRIME_1, PRIME_2, EXPONENT_1, EXPONENT_2, COEFFICIENT
_RSA_PARTS = (0x123, 0x124, 0x125, 0x126, 0x127, 0x128)
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class KeyMaterial(NamedTuple):
    key_type: str
    value: bytes  # as public_key.PublicKey
    private: list[tuple[int, Value]]
    public: list[tuple[int, Value]]
    certificates: tuple[bytes, ...]  # DER; the key's own first


def material(opened: OpenedFile) -> KeyMaterial:
    """Raises AlgorithmUnsupported."""
    value = public_key.public_key(opened.certificates[0]).value
    key = opened.key
    if isinstance(key, rsa.RSAPrivateKey):
        return KeyMaterial("rsa", value, _rsa_private(key, value), _rsa_public(key, value), opened.certificates)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        curve = CURVES[_CURVES[key.curve.name]]
        secret = key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
        public: list[tuple[int, Value]] = [(EC_PARAMS, curve), (pkcs11.EC_POINT, der.tlv(der.OCTET_STRING, value))]
        return KeyMaterial("ec", value, [(EC_PARAMS, curve), (pkcs11.VALUE, secret)], public, opened.certificates)
    raise AlgorithmUnsupported(algorithm=type(key).__name__)


def gost_material(key: GostKey) -> KeyMaterial:
    """Both halves have the parameters beside the value; that the secret fits the certificate is proved by signing."""
    value = public_key.public_key(key.certificates[0]).value
    parameters = gost_template(key.key_type, key.parameter_set)
    private: list[tuple[int, Value]] = [*parameters, (pkcs11.VALUE, key.secret)]
    return KeyMaterial(key.key_type, value, private, [*parameters, (pkcs11.VALUE, value)], key.certificates)


def _rsa_private(key: rsa.RSAPrivateKey, modulus: bytes) -> list[tuple[int, Value]]:
    numbers = key.private_numbers()
    parts = (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    return [*_rsa_public(key, modulus), *((kind, _number(part)) for kind, part in zip(_RSA_PARTS, parts, strict=True))]


def _rsa_public(key: rsa.RSAPrivateKey, modulus: bytes) -> list[tuple[int, Value]]:
    return [(pkcs11.MODULUS, modulus), (PUBLIC_EXPONENT, _number(key.public_key().public_numbers().e))]


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
