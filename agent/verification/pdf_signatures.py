"""The signatures in a PDF (PAdES, ETSI EN 319 142-1; ISO 32000-2 section 12.8): each judged as the CMS that it is, over
exactly the octets that its range names, and compared with what stands in the file now.

A process of its own reads the document (`pdf.signatures`) and says where signatures are and what was changed behind
them. That the range leaves out the signature's value and nothing else is looked at here, in the octets.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence

import msgspec

from agent.certificates import der
from agent.cms import ber
from agent.errors import DocumentDamaged
from agent.pdf.messages import Found, Signatures
from agent.pdf.process import read
from agent.verification import revocation, stamps
from agent.verification.procedure import Beside, readable, verify
from agent.verification.report import Coverage, Report, SignerReport, Status, TimestampReport, sorted_reasons, status_of
from agent.verification.trusting import Trusting

_TIMESTAMP = "/ETSI.RFC3161"
_DETACHED = ("/ETSI.CAdES.detached", "/adbe.pkcs7.detached")
_END = re.compile(rb"startxref\s+\d+\s+%%EOF\s*\Z")
_TAIL = 1024  # octets in which readers look for the end
_HARMLESS = ("nothing", "material", "signatures")  # what may be added behind a signature
_NO_CHANGES = 1  # P of DocMDP: not even signatures
_WHITE = b"\0\t\n\f\r "

ReadDocument = Callable[[bytes], Signatures]


def verify_pdf(
    document: bytes,
    anchors: Sequence[bytes] | None,
    now: datetime.datetime,
    read_document: ReadDocument = read,
) -> Report:
    """`anchors` are DER, `now` is aware. Raises DocumentEncrypted, DocumentTooComplex, DigestTooSlow; a document that
    is damaged ends in a report. Blocks for the worker.

    1. read the document  2. each signature: its range, its CMS, what came behind it  3. time-stamps of it all
    """
    report = Report(Status.INDETERMINATE, (), (), True, now.astimezone(datetime.UTC), format="pdf")
    try:
        signatures = read_document(document)  # 1.
    except DocumentDamaged:
        return _of(report, ["damaged"])
    if not signatures.found:
        return _of(report, ["not_signed"])
    beside = Beside(signatures.certificates, signatures.crls, signatures.ocsp)
    signers: list[SignerReport] = []
    timestamps: list[TimestampReport] = []
    reasons: list[str] = []
    cleared: list[bool] = []
    for found in signatures.found:
        wrong = _range_reasons(document, found)
        if found.kind == _TIMESTAMP:  # 3.
            timestamps.append(_timestamp(document, found, wrong, beside, anchors, now))
            reasons += [timestamps[-1].reason] if timestamps[-1].reason in ("timestamp_wrong", *wrong) else []
            continue
        judged, carried = _judge(document, found, wrong, beside, anchors, now)  # 2.
        signers += judged
        cleared.append(carried)
    reasons += [reason for one in signers for reason in one.reasons]
    if cleared and all(cleared):
        report = msgspec.structs.replace(report, revocation="carried")
    report = msgspec.structs.replace(report, signers=tuple(signers), timestamps=tuple(timestamps))
    return _of(report, reasons if signers else [*reasons, "not_signed"])  # time-stamps alone are nobody's signature


def _of(report: Report, reasons: Sequence[str | None]) -> Report:
    known = [reason for reason in reasons if reason is not None]
    return msgspec.structs.replace(report, status=status_of(known), reasons=sorted_reasons(known))


def _judge(
    document: bytes,
    found: Found,
    wrong: list[str],
    beside: Beside,
    anchors: Sequence[bytes] | None,
    now: datetime.datetime,
) -> tuple[list[SignerReport], bool]:
    """The signers of one signature (there should be one), and whether none of them was revoked, for certain."""
    coverage = _coverage(document, found)
    if found.kind not in _DETACHED:
        return [_bare(found, coverage, ["algorithm_unsupported", *wrong])], False
    if "range_wrong" in wrong:
        return [_bare(found, coverage, wrong)], False
    report = verify(_cms(found.contents), _covered(document, found), anchors, now, beside)
    if report.attached or not report.signers:  # Contents signs the range, and carries no content of its own
        return [_bare(found, coverage, ["damaged", *report.reasons, *wrong])], False
    signers = [_in_document(one, found, coverage, wrong) for one in report.signers]
    return signers, report.revocation == "carried"


def _in_document(signer: SignerReport, found: Found, coverage: Coverage, wrong: list[str]) -> SignerReport:
    reasons = [*signer.reasons, *wrong]
    return msgspec.structs.replace(
        signer,
        status=status_of(reasons),
        reasons=sorted_reasons(reasons),
        claimed_time=signer.claimed_time or found.moment,
        coverage=coverage,
        reason=found.reason,
    )


def _bare(found: Found, coverage: Coverage, reasons: list[str]) -> SignerReport:
    """Of a signature that cannot be looked into."""
    status = status_of(reasons)
    return SignerReport(status, sorted_reasons(reasons), None, found.moment, "", coverage=coverage, reason=found.reason)


def _range_reasons(document: bytes, found: Found) -> list[str]:
    if not _is_range(document, found):
        return ["range_wrong"]
    return ["changed_after_signing"] if _after(document, found) not in _HARMLESS else []


def _is_range(document: bytes, found: Found) -> bool:
    """From the first octet on, and all of the file as it was but the hexadecimal string in Contents itself."""
    numbers = found.byte_range
    if len(numbers) != 4 or numbers[0] != 0:
        return False
    _, start, end, rest = numbers
    if not (0 < start < end and rest > 0 and end + rest <= len(document)):
        return False
    gap = document[start:end]
    if gap[:1] != b"<" or gap[-1:] != b">":
        return False
    digits = gap[1:-1].translate(None, _WHITE)
    try:
        return bytes.fromhex(digits.decode("ascii") + "0" * (len(digits) % 2)) == found.contents
    except ValueError:
        return False


def _after(document: bytes, found: Found) -> str:
    """What was changed behind it, as far as that is allowed by the signature itself and seen by every reader alike."""
    if _length(found) == len(document):
        return "nothing"
    if not found.revision or _END.search(document[-_TAIL:]) is None:
        return "other"
    if found.permission == _NO_CHANGES and found.after not in ("nothing", "material"):
        return "other"
    return found.after


def _coverage(document: bytes, found: Found) -> Coverage:
    if not _is_range(document, found):
        return Coverage("parts", field=found.field, after="other")
    behind = len(document) - _length(found)
    kind = "revision" if behind else "whole"
    return Coverage(kind, field=found.field, after=_after(document, found), octets_after=behind)


def _length(found: Found) -> int:
    return found.byte_range[2] + found.byte_range[3]


def _covered(document: bytes, found: Found) -> bytes:
    _, start, end, rest = found.byte_range
    return document[:start] + document[end : end + rest]


def _cms(contents: bytes) -> bytes:
    """Without the zeros that fill the room. It should be DER, and by some programs is BER that says nowhere how long it
    is; what is neither goes as it is, and is found to be damaged."""
    try:
        return der.read(contents).whole
    except (ValueError, IndexError):
        pass
    try:
        return ber.Element(contents, 0, len(contents), ber.Budget()).whole
    except (ValueError, IndexError):
        return contents


def _timestamp(
    document: bytes,
    found: Found,
    wrong: list[str],
    beside: Beside,
    anchors: Sequence[bytes] | None,
    now: datetime.datetime,
) -> TimestampReport:
    """Of the document (EN 319 142-1 clause 5.4.3): a token over the range."""
    if wrong:
        return TimestampReport(None, None, False, wrong[0])
    carried = revocation.Carried(beside.crls, beside.ocsp)
    others = [one.der for one in readable(beside.certificates)]
    trusting = Trusting(anchors, others, carried, now)
    (report,) = stamps.judge((_cms(found.contents),), _covered(document, found), trusting.of_authority)
    return report
