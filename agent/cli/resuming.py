"""Whether the signature of a file is there already: by its content, and not by its name.

Who vouches for the signer is not asked: what was signed before stays what it is.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from agent.errors import PeroError
from agent.verification.documents import is_pdf, verify_any
from agent.verification.report import Report, SignerReport, Status

MAX_SIGNATURE = 256 << 20  # bytes; a larger one is not looked into, and made anew
_UNKNOWN = frozenset({"not_signed", "content_missing", "certificate_missing", "algorithm_unsupported"})
_UNKNOWN |= {"transform_unsupported"}  # reasons that leave open what was signed
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?\?>)?\s*", re.DOTALL)


def is_signed(document: Path, target: Path, now: datetime.datetime) -> bool:
    """Whether the file `target` is a signature over the octets of `document`, or the document with one more."""
    try:
        if target.stat().st_size > MAX_SIGNATURE:
            return False
        signature = target.read_bytes()
        if is_pdf(signature):
            return _is_signed_pdf(document, signature, now)
        report = verify_any(signature, document, None, now)
        beside = report.format != "xml" or {_kind(one) for one in report.signers} == {"content"}
        return _is_good(report) and (beside or _is_around(document.read_bytes(), signature))
    except (PeroError, OSError):
        return False  # what is the matter is said when it is signed


def _kind(signer: SignerReport) -> str:
    return signer.coverage.kind if signer.coverage is not None else ""


def _is_good(report: Report) -> bool:
    return bool(report.signers) and report.status is not Status.INVALID and not _UNKNOWN.intersection(report.reasons)


def _is_signed_pdf(document: Path, signed: bytes, now: datetime.datetime) -> bool:
    """A signature is put behind the document, whose octets stay; the document may have others."""
    before = document.read_bytes()
    if len(signed) <= len(before) or not signed.startswith(before):
        return False
    report = verify_any(signed, None, None, now)
    return _is_good(report) and len(report.signers) > len(verify_any(before, None, None, now).signers)


def _is_around(document: bytes, signed: bytes) -> bool:
    """Whether the signature stands within the document's octets, or has them in it; a declaration may be another."""
    body = _DECLARATION.sub(b"", document).rstrip()
    if body and body in signed:
        return True
    same = next(
        (at for at, (one, other) in enumerate(zip(document, signed, strict=False)) if one != other), len(signed)
    )
    rest = document[min(same, len(document)) :]
    return len(signed) > len(document) and signed.endswith(rest)
