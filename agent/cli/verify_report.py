"""What `pero verify` found, for people and for programs."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from agent.cli.context import Context
from agent.cli.output import plain, say

if TYPE_CHECKING:
    from agent.verification.report import Coverage, Report, SignerReport, TimestampReport

_FORMATS = {"pdf": "PAdES", "xml": "XAdES"}  # else CAdES


def show(report: Report, context: Context) -> None:
    say(context.text(f"command.verify.{report.status}"))
    if not report.signers:
        _show_reasons(report.reasons, context)
    for number, signer in enumerate(report.signers, 1):
        if len(report.signers) > 1:
            say(context.text("command.verify.number", number=number, count=len(report.signers)))
        _show_signer(signer, context, name=_FORMATS.get(report.format, "CAdES"))
    for stamp in report.timestamps:
        _show_timestamp(stamp, context, "")
    say(context.text("command.verify.checked", time=_time(report.checked_at)))
    say(context.text(f"command.verify.revocation.{report.revocation}"))


def _show_signer(signer: SignerReport, context: Context, indent: str = "", name: str = "CAdES") -> None:
    certificate = signer.certificate
    if certificate is None:
        say(indent + context.text("command.verify.signer_unknown"))
    else:
        say(indent + context.text("command.verify.signer", owner=plain(certificate.owner)))
        say(indent + "  " + context.text("command.verify.subject", subject=plain(certificate.subject)))
        say(indent + "  " + context.text("command.verify.issuer", issuer=plain(certificate.issuer)))
        period = {"not_before": _time(certificate.not_before), "not_after": _time(certificate.not_after)}
        say(indent + "  " + context.text("command.verify.period", **period))
        say(indent + "  " + context.text("command.verify.thumbprint", thumbprint=certificate.thumbprint))
    if signer.level:
        say(indent + "  " + context.text("command.verify.level", level=f"{name} B-{signer.level.upper()}"))
    if signer.coverage is not None:
        _show_coverage(signer.coverage, context, indent + "  ")
    if signer.reason:
        say(indent + "  " + context.text("command.verify.reason", reason=plain(signer.reason)))
    if signer.claimed_time is not None:
        say(indent + "  " + context.text("command.verify.claimed_time", time=_time(signer.claimed_time)))
    for stamp in signer.timestamps:
        _show_timestamp(stamp, context, indent + "  ")
    if signer.proven_time is not None:
        say(indent + "  " + context.text("command.verify.proven_time", time=_time(signer.proven_time)))
    _show_reasons(signer.reasons, context, indent)
    if signer.counter_signers:
        say(indent + "  " + context.text("command.verify.counter_signers"))
    for counter in signer.counter_signers:
        _show_signer(counter, context, indent + "    ")
        if not counter.reasons:
            say(indent + "      " + context.text("command.verify.counter_signer_valid"))


def _show_coverage(coverage: Coverage, context: Context, indent: str) -> None:
    if coverage.field:
        say(indent + context.text("command.verify.field", field=plain(coverage.field)))
    say(indent + context.text(f"command.verify.covers.{coverage.kind}"))
    for part in coverage.parts:
        if coverage.kind == "parts":
            say(indent + "  " + plain(part))
    if coverage.comments:
        say(indent + context.text("command.verify.comments"))
    if coverage.kind == "revision":
        size = coverage.octets_after
        say(indent + context.text(f"command.verify.after.{coverage.after}", size=size))


def _show_timestamp(stamp: TimestampReport, context: Context, indent: str) -> None:
    if stamp.moment is None or stamp.authority is None:
        return  # a reason says so
    key = "command.verify.timestamp" if stamp.trusted else "command.verify.timestamp_untrusted"
    say(indent + context.text(key, time=_time(stamp.moment), authority=plain(stamp.authority.owner)))


def _show_reasons(reasons: tuple[str, ...], context: Context, indent: str = "") -> None:
    for reason in reasons:
        say(indent + "  - " + context.text(f"reason.{reason}"))


def _time(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def value_of(report: Report) -> dict[str, Any]:
    return {
        "status": str(report.status),
        "reasons": list(report.reasons),
        "attached": report.attached,
        "checked_at": _iso(report.checked_at),
        "revocation": report.revocation,
        "format": report.format,
        "timestamps": [_timestamp_value(stamp) for stamp in report.timestamps],
        "signers": [{"number": n, **_signer_value(signer)} for n, signer in enumerate(report.signers, 1)],
    }


def _timestamp_value(stamp: TimestampReport) -> dict[str, Any]:
    return {
        "time": _iso(stamp.moment) if stamp.moment else None,
        "authority": stamp.authority.owner if stamp.authority else None,
        "trusted": stamp.trusted,
        "reason": stamp.reason,
    }


def _coverage_value(coverage: Coverage) -> dict[str, Any]:
    """`after`: what was added behind what is signed, of a PDF; `comments`: XML has some, which are not signed."""
    return {
        "kind": coverage.kind,
        "parts": list(coverage.parts),
        "field": coverage.field or None,
        "after": coverage.after,
        "octets_after": coverage.octets_after,
        "comments": coverage.comments,
    }


def _signer_value(signer: SignerReport) -> dict[str, Any]:
    certificate = signer.certificate
    return {
        "status": str(signer.status),
        "reasons": list(signer.reasons),
        "level": signer.level or None,
        "coverage": signer.coverage and _coverage_value(signer.coverage),
        "reason": signer.reason,
        "digest_algorithm": signer.digest_algorithm,
        "claimed_time": _iso(signer.claimed_time) if signer.claimed_time else None,
        "proven_time": _iso(signer.proven_time) if signer.proven_time else None,
        "timestamps": [_timestamp_value(stamp) for stamp in signer.timestamps],
        "counter_signers": [_signer_value(counter) for counter in signer.counter_signers],
        "certificate": certificate
        and {
            "thumbprint": certificate.thumbprint,
            "owner": certificate.owner,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "not_before": _iso(certificate.not_before),
            "not_after": _iso(certificate.not_after),
            "key": certificate.key,
        },
    }
