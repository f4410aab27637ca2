"""What verification says: a status, and reasons as names of the catalogue ("reason.document_changed")."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterable

import msgspec

from agent.certificates.description import Description
from agent.trust.path import REVOCATION


class Status(enum.StrEnum):
    """As ETSI EN 319 102-1 section 5.1.3 has them: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


REVOCATION_CARRIED = "carried"  # by what the signature carries, none of the signers' certificates was revoked

# Every reason, and what it makes of the status. What is wrong in the signature is invalid; what is not known here, or
# may have been right when it was signed, is indeterminate.
REASONS: dict[str, Status] = {
    "damaged": Status.INVALID,  # not a CMS signature, or one that breaks RFC 5652
    "not_signed": Status.INDETERMINATE,  # a PDF or XML document without a signature
    "no_signer": Status.INVALID,  # SignedData without SignerInfo
    "document_changed": Status.INVALID,  # the content is not what was signed
    "changed_after_signing": Status.INVALID,  # PDF: what was added later changes what is seen, or nobody can say
    "range_wrong": Status.INVALID,  # PDF: what is signed is not the file as it was but for the signature
    "reference_unclear": Status.INVALID,  # XML: what is referred to is there several times, or not at all
    "signature_wrong": Status.INVALID,
    "signing_certificate_mismatch": Status.INVALID,  # the signer named another certificate (RFC 5035)
    "content_ambiguous": Status.INVALID,  # the content of a signature without attributes looks like attributes
    "content_missing": Status.INDETERMINATE,
    "covers_part": Status.INDETERMINATE,  # XML: what was signed is right, and the rest of the document was not signed
    "transform_unsupported": Status.INDETERMINATE,
    "certificate_missing": Status.INDETERMINATE,
    "algorithm_unsupported": Status.INDETERMINATE,
    "certificate_expired": Status.INDETERMINATE,
    "not_yet_valid": Status.INDETERMINATE,
    "key_usage": Status.INDETERMINATE,
    "no_anchors": Status.INDETERMINATE,
    "chain_not_built": Status.INDETERMINATE,
    "root_not_trusted": Status.INDETERMINATE,
    "chain_invalid": Status.INDETERMINATE,
    "issuer_expired": Status.INDETERMINATE,
    "issuer_not_yet_valid": Status.INDETERMINATE,
    "certificate_revoked": Status.INDETERMINATE,  # before the moment for which validity was looked at
    "key_period_over": Status.INDETERMINATE,  # privateKeyUsagePeriod
    "key_period_not_begun": Status.INDETERMINATE,
    "timestamp_wrong": Status.INDETERMINATE,  # what should be a time-stamp is none of this signature
}


class TimestampReport(msgspec.Struct, frozen=True):
    """One time-stamp over a signature. It proves something only where `trusted`."""

    moment: datetime.datetime | None  # UTC; None: it is none
    authority: Description | None
    trusted: bool
    reason: str | None  # why it is not trusted: one of REASONS


class Coverage(msgspec.Struct, frozen=True):
    """What of a document the signature is about."""

    kind: str  # "whole": all but the signature; "revision": the file as it was; "parts"; "content": what is beside it
    parts: tuple[str, ...] = ()  # XML: the elements, each by its path, and its Id where it has one
    field: str = ""  # PDF: the signature's field
    after: str = "nothing"  # PDF: what was added later: "material", "signatures", "form", "other"
    octets_after: int = 0
    comments: bool = False  # XML: there are some in what is signed, and they are not


class SignerReport(msgspec.Struct, frozen=True):
    """One signer of a signature."""

    status: Status
    reasons: tuple[str, ...]  # names of REASONS, weightiest first; empty when valid
    certificate: Description | None  # None: not found
    claimed_time: datetime.datetime | None  # signing-time, UTC: the signer's own claim, which nothing proves
    digest_algorithm: str  # name in algorithms.DIGESTS, else the dotted OID
    proven_time: datetime.datetime | None = None  # UTC; the earliest moment by which a trusted time-stamp shows it made
    timestamps: tuple[TimestampReport, ...] = ()
    counter_signers: tuple[SignerReport, ...] = ()  # whose signatures are over this one
    level: str = ""  # of CAdES, PAdES, XAdES as far as it is there and right: "b", "t", "lt"; "": none of these
    coverage: Coverage | None = None  # None: as for any CMS, the content
    reason: str | None = None  # PDF: why it was signed, in the signer's words


class Report(msgspec.Struct, frozen=True):
    """The whole signature: as good as its worst signer."""

    status: Status
    reasons: tuple[str, ...]
    signers: tuple[SignerReport, ...]
    attached: bool
    checked_at: datetime.datetime  # UTC: the moment at which validity was looked at
    revocation: str = REVOCATION
    format: str = "cms"  # "pdf", "xml"
    timestamps: tuple[TimestampReport, ...] = ()  # PDF: over the whole document as it was


def status_of(reasons: Iterable[str]) -> Status:
    found = {REASONS[reason] for reason in reasons}
    for status in (Status.INVALID, Status.INDETERMINATE):
        if status in found:
            return status
    return Status.VALID


def sorted_reasons(reasons: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order of REASONS."""
    found = set(reasons)
    return tuple(reason for reason in REASONS if reason in found)
