"""GOST signatures of tokens: the raw mechanism over our digest first, the vendor's own digest as second choice, and the
order of octets in which a token wants a digest.

Some modules want the digest the other way round. That is found out by verifying: what verifies over the digest turned
round is signed again, once, in the same login. Nothing is taken on trust: the agent verifies every GOST signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.algorithms import SignatureAlgorithm
from agent.certificates.gost_keys import load_key
from agent.gost import curves
from agent.tokens import mechanisms
from agent.tokens.orders import ORDERS

STANDARD, REVERSED = "standard", "reversed"  # messages.Sign.digest_order

# CKM_GOSTR3410_WITH_GOSTR3411_12_256 and _512 of TC26's range: they make the digest of what they are given
WITH_DIGEST: dict[str, int] = {"gost256": 0xD4321008, "gost512": 0xD4321009}

_RAW = {"gost256": mechanisms.CKM["CKM_GOSTR3410"], "gost512": mechanisms.CKM["CKM_GOSTR3410_512"]}


class Way(NamedTuple):
    mechanism: int  # CKM_...
    digests: bool  # the mechanism takes the octets and not their digest


def way(algorithm: SignatureAlgorithm, offered: frozenset[int], octets: bytes) -> Way | None:
    """How a token with these mechanisms signs; None where it cannot. An empty list is one that was not told."""
    raw = mechanisms.CKM[algorithm.mechanism]
    if not offered or raw in offered:
        return Way(raw, False)
    other = WITH_DIGEST.get(algorithm.key_type)
    return Way(other, True) if other in offered and other is not None and octets else None


def able(key_type: str, offered: frozenset[int]) -> bool:
    """Whether a token with these mechanisms signs with keys of this GOST type. An empty list was not told."""
    return not offered or bool({_RAW[key_type], WITH_DIGEST[key_type]} & offered)


def sign_digest(
    sign: Callable[[bytes], bytes], algorithm: SignatureAlgorithm, public_key: bytes, digest: bytes, known: str
) -> tuple[bytes, str]:
    """The signature, and the order of the digest that was found out (empty where it was `known`, or nothing fits).

    `sign`: one signature of the token over these octets. `public_key`: DER of SubjectPublicKeyInfo.
    """
    signature = sign(digest[::-1] if known == REVERSED else digest)
    if known:
        return signature, ""
    if _fits(public_key, algorithm.key_type, digest, signature):
        return signature, STANDARD
    if _fits(public_key, algorithm.key_type, digest[::-1], signature):
        return sign(digest[::-1]), REVERSED
    return signature, ""


def _fits(public_key: bytes, key_type: str, digest: bytes, signature: bytes) -> bool:
    key = load_key(public_key, key_type)
    return key is not None and any(curves.verify(key, digest, ordered(signature)) for ordered in ORDERS.values())
