"""What goes into a mechanism and what comes out of it.

CKM_RSA_PKCS (PKCS#11 v2.40 mechanisms 2.1.6) signs a DigestInfo that we build (RFC 8017 section 9.2, notes);
CKM_RSA_PKCS_PSS (2.1.10) signs a digest that is ready, and is told by CK_RSA_PKCS_PSS_PARAMS by which one it was made;
CKM_ECDSA (2.3.6) signs the leftmost bits of the digest and returns r||s, which CMS wants as ECDSA-Sig-Value
(RFC 3279 section 2.2.3). CKM_GOSTR3410 and CKM_GOSTR3410_512 (without a parameter) sign the octets of a Streebog digest
and return s||r, as CMS wants it: nothing is swapped on the way (RFC 4490 section 3.2, RFC 9215 section 2). Tokens that
differ are put right in `signature_order`. CKM_GOSTR3410_WITH_GOSTR3411 and its kin digest what they are given, so they
are of no use for a digest that is ready, and CKM_GOSTR3410_WITH_GOSTR3411 itself knows only the digest of 1994.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.algorithms import PSS, SignatureAlgorithm

DIGEST_INFO: dict[str, bytes] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}

GOST = frozenset({"gost256", "gost512"})
CKM: dict[str, int] = {
    "CKM_RSA_PKCS": 0x0001,
    "CKM_RSA_PKCS_PSS": 0x000D,
    "CKM_ECDSA": 0x1041,
    "CKM_GOSTR3410": 0x1201,
    "CKM_GOSTR3410_512": 0xD4321006,
}


class PssParameters(NamedTuple):
    """CK_RSA_PKCS_PSS_PARAMS (PKCS#11 v2.40 mechanisms 2.1.9)."""

    hash_algorithm: int  # CKM_...
    mgf: int  # CKG_MGF1_...
    salt: int  # bytes


_PSS_HASHES = {"sha256": (0x0250, 0x02), "sha384": (0x0260, 0x03), "sha512": (0x0270, 0x04)}


def pss_parameters(algorithm: SignatureAlgorithm) -> PssParameters | None:
    """The parameters of the mechanism; None where it takes none."""
    if algorithm.padding != PSS:
        return None
    return PssParameters(*_PSS_HASHES[algorithm.digest.name], algorithm.digest.size)


def mechanism_input(algorithm: SignatureAlgorithm, digest: bytes, field_size: int) -> bytes:
    """The bytes that C_Sign takes. `field_size`: bytes of the curve's order, 0 for RSA and GOST."""
    if algorithm.padding == PSS:
        return digest
    if algorithm.key_type == "rsa":
        return DIGEST_INFO[algorithm.digest.name] + digest
    if algorithm.key_type in GOST:
        return digest
    return digest[:field_size]  # by hand: some tokens answer CKR_DATA_LEN_RANGE to a longer one


def signature_value(algorithm: SignatureAlgorithm, signed: bytes) -> bytes:
    """The signature as a SignerInfo holds it. Raises ValueError at an ECDSA signature that is not r||s."""
    if algorithm.key_type == "rsa" or algorithm.key_type in GOST:
        return signed
    half, odd = divmod(len(signed), 2)
    if odd or not 0 < half <= 66:  # of P-521, so that the content has at most 138 bytes
        raise ValueError("not r||s")
    content = _integer(signed[:half]) + _integer(signed[half:])
    return b"\x30" + _length(len(content)) + content


def _integer(magnitude: bytes) -> bytes:
    value = magnitude.lstrip(b"\0") or b"\0"
    if value[0] & 0x80:
        value = b"\0" + value
    return b"\x02" + _length(len(value)) + value


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else bytes([0x81, size])
