"""The order of octets in GOST signatures: proved by verifying, put right for tokens whose modules have another.

CMS wants s and r, each big-endian (RFC 9215 section 2), and PKCS#11 v2.40 gives them so; some vendors swap the halves,
and CryptoAPI reverses the whole. What verifies is that signature, whatever order it came in, so nothing is taken on
trust here.
"""

from __future__ import annotations

import logging

from agent.algorithms import SignatureAlgorithm
from agent.certificates.description import describe
from agent.certificates.gost_keys import TYPES
from agent.certificates.signatures import is_signature
from agent.errors import CertificateDamaged, SignatureWrong
from agent.model import CertificateEntry, TokenState
from agent.tokens.orders import ORDERS, STANDARD

_log = logging.getLogger("pero.tokens")


class SignatureOrders:
    """What was seen of each token; kept as long as the agent runs."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], str] = {}
        self._digests: dict[tuple[str, str, str], str] = {}

    def digest_order(self, token: TokenState) -> str:
        """As in messages.Sign: empty where no GOST signature of this token was seen."""
        return self._digests.get(_key(token), "")

    def remember_digest_order(self, token: TokenState, order: str) -> None:
        """What a worker found out; empty: nothing."""
        if order and order != self._digests.get(_key(token)):
            self._digests[_key(token)] = order
            if order != "standard":
                _log.warning("the module %s wants GOST digests with their octets reversed; put right", token.module)

    def put_right(
        self, entry: CertificateEntry, algorithm: SignatureAlgorithm, digest: bytes, signature: bytes
    ) -> bytes:
        """A GOST signature in the order of CMS; others are returned as they are, unverified.

        An order that a token showed is tried first the next time. Raises SignatureWrong where none verifies.
        """
        if algorithm.key_type not in TYPES:
            return signature
        try:
            public_key = describe(entry.der).public_key
        except CertificateDamaged as error:
            raise SignatureWrong(token=entry.token.label) from error
        return self.proved(entry.token, public_key, algorithm, digest, signature)

    def proved(
        self, token: TokenState, public_key: bytes, algorithm: SignatureAlgorithm, digest: bytes, signature: bytes
    ) -> bytes:
        """A signature of any kind that verifies, a GOST one in the order of CMS. `public_key`: SubjectPublicKeyInfo.

        Raises SignatureWrong where none does; what was known of the token is then to be found out anew.
        """
        known = self._known.get(_key(token), STANDARD)
        names = sorted(ORDERS, key=lambda name: name != known) if algorithm.key_type in TYPES else [STANDARD]
        for name in names:
            ordered = ORDERS[name](signature)
            if is_signature(public_key, algorithm, digest, ordered):
                if algorithm.key_type in TYPES and name != known:
                    self._known[_key(token)] = name
                    _log.warning("the module %s gives GOST signatures as: %s; put right", token.module, name)
                return ordered
        self._digests.pop(_key(token), None)
        raise SignatureWrong(token=token.label)


def _key(token: TokenState) -> tuple[str, str, str]:
    return token.module, token.model, token.serial
