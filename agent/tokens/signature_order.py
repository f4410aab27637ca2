"""The order of octets in GOST signatures: proved by verifying, put right for tokens whose modules have another.

CMS wants s and r, each big-endian (RFC 9215 section 2), and PKCS#11 v2.40 gives them so; some vendors swap the halves,
and CryptoAPI reverses the whole. What verifies is that signature, whatever order it came in, so nothing is taken on
trust here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import describe
from agent.certificates.gost_keys import TYPES
from agent.certificates.signatures import is_signature
from agent.errors import CertificateDamaged, SignatureWrong
from agent.model import CertificateEntry

_log = logging.getLogger("pero.tokens")


def _swapped(signature: bytes) -> bytes:
    half = len(signature) // 2
    return signature[half:] + signature[:half]


def _reversed(signature: bytes) -> bytes:
    return signature[::-1]


# Names for the log. Each undoes itself.
ORDERS: dict[str, Callable[[bytes], bytes]] = {
    "s, r": bytes,
    "r, s": _swapped,
    "all octets reversed": _reversed,
    "octets of s and of r reversed": lambda signature: _swapped(_reversed(signature)),
}
_STANDARD = "s, r"


class SignatureOrders:
    """What was seen of each token; kept as long as the agent runs."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], str] = {}

    def put_right(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes, signature: bytes
    ) -> bytes:
        """A GOST signature in the order of CMS; others are returned as they are, unverified.

        An order that a token showed is tried first the next time. Raises SignatureWrong where none verifies.
        """
        if algorithm.key_type not in TYPES:
            return signature
        token = (entry.token.module, entry.token.model, entry.token.serial)
        known = self._known.get(token, _STANDARD)
        try:
            public_key = describe(entry.der).public_key
        except CertificateDamaged as error:
            raise SignatureWrong(token=entry.token.label) from error
        for name in sorted(ORDERS, key=lambda name: name != known):
            ordered = ORDERS[name](signature)
            if is_signature(public_key, algorithm, digest, ordered):
                if name != known:
                    self._known[token] = name
                    _log.warning("the module %s gives GOST signatures as: %s; put right", entry.token.module, name)
                return ordered
        raise SignatureWrong(token=entry.token.label)
