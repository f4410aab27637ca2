"""What is said of a certificate by those who revoke: outcomes that are not "good"."""

from __future__ import annotations

import datetime

SKEW = datetime.timedelta(minutes=5)  # by which two clocks may differ

# CRLReason (RFC 5280 section 5.3.1)
REASONS = {
    0: "unspecified",
    1: "key_compromise",
    2: "ca_compromise",
    3: "affiliation_changed",
    4: "superseded",
    5: "cessation_of_operation",
    6: "certificate_hold",
    8: "remove_from_crl",
    9: "privilege_withdrawn",
    10: "aa_compromise",
}


class Unusable(Exception):
    """An answer that says nothing. `reason` is one of texts.errors.TRIED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Revoked(Exception):
    """The certificate was revoked."""

    def __init__(self, moment: datetime.datetime, reason: int = 0) -> None:
        super().__init__()
        self.moment = moment
        self.reason = REASONS.get(reason, "unspecified")
