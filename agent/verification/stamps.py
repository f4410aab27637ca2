"""Time-stamps over a signature (RFC 3161, EN 319 122-1 clause 5.3): what they prove, if anything.

A moment is proved only by a token that is right, of this signature's value, by an authority for whom a trust anchor
vouches now. The authority's certificate is looked at for now and not for the moment that the token says itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

from agent.certificates.description import Description
from agent.timestamp.token import WrongToken, verify_timestamp
from agent.verification.report import TimestampReport

Trust = Callable[[Description, tuple[bytes, ...]], str | None]  # certificate, others beside it -> reason; None: trusted
MAX_TIMESTAMPS = 16  # of one signature


def judge(tokens: Iterable[bytes], signature: bytes, trust: Trust) -> tuple[TimestampReport, ...]:
    """`signature` is the value that must have been stamped. Those beyond MAX_TIMESTAMPS are left out."""
    return tuple(_judge(token, signature, trust) for token, _ in zip(tokens, range(MAX_TIMESTAMPS), strict=False))


def _judge(token: bytes, signature: bytes, trust: Trust) -> TimestampReport:
    try:
        found = verify_timestamp(token, signature)
    except WrongToken:
        return TimestampReport(None, None, False, "timestamp_wrong")
    reason = trust(found.certificate, found.certificates)
    return TimestampReport(found.moment, found.certificate, reason is None, reason)


def proven_time(reports: Iterable[TimestampReport]) -> datetime.datetime | None:
    """By when the signature was there, for certain: the earliest that is trusted."""
    return min((one.moment for one in reports if one.trusted and one.moment is not None), default=None)
