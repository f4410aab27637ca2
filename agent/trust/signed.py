"""Structures that an authority signed: SEQUENCE of what is signed, algorithm and value, as certificates are."""

from __future__ import annotations

from agent.certificates import der
from agent.certificates.chain import is_signed_by
from agent.trust.status import Unusable


def check_signature(parts: tuple[der.Element, der.Element, der.Element], public_key: bytes) -> None:
    """Raises Unusable. `public_key` is DER of SubjectPublicKeyInfo."""
    whole = der.sequence(*(part.whole for part in parts))
    # Without its memory, which is for certificates: these are large and met once.
    right = is_signed_by.__wrapped__(whole, public_key)
    if right is None:
        raise Unusable("algorithm")
    if not right:
        raise Unusable("signature")
