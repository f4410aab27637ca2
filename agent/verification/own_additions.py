"""What was there before our signature was added: does it stand unchanged, and what exactly was added?"""

from __future__ import annotations

from collections import Counter

from agent.certificates import der
from agent.cms.attributes import COUNTER_SIGNATURE
from agent.cms.existing import Existing, ExistingSigner
from agent.cms.signed_data import CONSTRUCTED_1, SignedData


def keeps(data: SignedData, before: SignedData, content: memoryview | None) -> bool:
    """Whether all but the signers is there still: content, its type, and every certificate, list and digest."""
    if data.content_type != before.content_type or (None if content is None else bytes(content)) != before.content:
        return False
    return (
        set(before.digests) <= set(data.digests)
        and set(before.certificates) <= set(data.certificates)
        and set(before.revocation) <= set(data.revocation)
    )


def added_signer(data: SignedData, before: Existing) -> bytes:
    """The one SignerInfo that is new; the others are octet for octet as they were. Raises ValueError."""
    added = Counter(data.signers) - Counter(before.data.signers)
    if Counter(before.data.signers) - Counter(data.signers) or added.total() != 1:
        raise ValueError("signers")
    return next(iter(added))


def counter_signature(data: SignedData, before: Existing, target: ExistingSigner) -> bytes:
    """The SignerInfo of the one counter-signature that is new on `target`. Raises ValueError."""
    changed = Counter(data.signers) - Counter(before.data.signers)
    gone = Counter(before.data.signers) - Counter(data.signers)
    if changed.total() != 1 or gone != Counter((target.whole,)):
        raise ValueError("signers")
    signer = next(iter(changed))
    unsigned = _unsigned(signer, target.head)
    added = Counter(unsigned) - Counter(target.unsigned)
    if Counter(target.unsigned) - Counter(unsigned) or added.total() != 1:
        raise ValueError("unsigned attributes")
    kind, values = der.read(next(iter(added))).children()
    (value,) = values.children()
    if kind.whole != der.oid(COUNTER_SIGNATURE) or values.tag != der.SET:
        raise ValueError("counter-signature")
    return value.whole


def _unsigned(signer: bytes, head: bytes) -> tuple[bytes, ...]:
    """The unsigned attributes of a SignerInfo that begins with `head`."""
    element = der.read(signer)
    behind = element.body + len(head)
    if signer[element.body : behind] != head:
        raise ValueError("signer changed")
    last = der.read(signer, behind)
    if last.tag != CONSTRUCTED_1 or last.end != element.end:
        raise ValueError("unsigned attributes")
    return tuple(one.whole for one in last.children())
