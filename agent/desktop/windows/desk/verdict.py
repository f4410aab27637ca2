"""What verification found, in plain words: first the answer, then each signer with what speaks for and against it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from agent.desktop.verify_process import Judged
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible
from agent.verification.report import Coverage, Report, SignerReport, Status, TimestampReport

_FORMATS = {"pdf": "PAdES", "xml": "XAdES"}  # else CAdES
_SAID = ("certificate.owner", "certificate.issuer")  # in sentences of their own
_NOBODY_VOUCHES = frozenset({"no_anchors", "chain_not_built", "root_not_trusted"})


def kind_of(judged: Judged) -> str:
    """Of `FileTable.say`."""
    if judged.report is None:
        return "bad"
    return {Status.VALID: "good", Status.INVALID: "bad"}.get(judged.report.status, "doubtful")


def headline(judged: Judged, wording: Wording) -> str:
    """One sentence."""
    report = judged.report
    if report is None:
        return wording.error(judged.error, judged.facts)
    if report.status is Status.INDETERMINATE and report.reasons:
        if _NOBODY_VOUCHES.issuperset(report.reasons):
            return wording("desk.verify.unvouched")
        if report.reasons[0] in ("not_signed", "content_missing"):
            return reason(report.reasons[0], wording)
    if "damaged" in report.reasons and not report.signers:
        return reason("damaged", wording)
    return wording(f"desk.verify.{report.status}")


def reason(name: str, wording: Wording) -> str:
    """In the words of this window, where the command's speak of options."""
    return wording.known(f"desk.verify.reason.{name}") or wording(f"reason.{name}")


def details(judged: Judged, wording: Wording) -> str:
    """Lines of plain text, for the eye and for a screen reader."""
    return "\n".join(_lines(judged, wording))


def _lines(judged: Judged, wording: Wording) -> Iterator[str]:
    yield headline(judged, wording)
    yield ""
    yield wording("desk.verify.file", file=visible(judged.signature))
    if judged.content:
        yield wording("desk.verify.content", file=visible(judged.content))
    report = judged.report
    if report is None:
        return
    if not report.signers:
        yield from (f"– {reason(one, wording)}" for one in report.reasons)
    for number, signer in enumerate(report.signers, 1):
        yield ""
        yield wording("command.verify.number", number=number, count=len(report.signers))
        yield from _signer(signer, report, wording)
    yield ""
    for stamp in report.timestamps:
        yield from _timestamp(stamp, wording)
    yield wording("command.verify.checked", time=_time(report.checked_at))
    yield wording(f"command.verify.revocation.{report.revocation}")


def _signer(signer: SignerReport, report: Report, wording: Wording, indent: str = "") -> Iterator[str]:
    def say(key: str, **facts: object) -> str:
        return indent + wording(key, **facts)

    if signer.status is Status.VALID:
        yield say("desk.verify.signer_valid")
    yield from (f"{indent}– {reason(one, wording)}" for one in signer.reasons)
    certificate = signer.certificate
    if certificate is None:
        yield say("command.verify.signer_unknown")
    else:
        yield say("command.verify.signer", owner=visible(certificate.owner))
        for key, value in certificate.details:
            if key in _SAID:
                continue
            yield f"{indent}{wording(key)}: {visible(value)}"
        yield say("command.verify.issuer", issuer=visible(certificate.issuer))
        period = {"not_before": _time(certificate.not_before), "not_after": _time(certificate.not_after)}
        yield say("command.verify.period", **period)
        yield say("command.verify.thumbprint", thumbprint=certificate.thumbprint)
    if signer.level:
        yield say("command.verify.level", level=f"{_FORMATS.get(report.format, 'CAdES')} B-{signer.level.upper()}")
    if signer.coverage is not None:
        yield from (indent + line for line in _coverage(signer.coverage, wording))
    if signer.reason:
        yield say("command.verify.reason", reason=visible(signer.reason))
    if signer.claimed_time is not None:
        yield say("command.verify.claimed_time", time=_time(signer.claimed_time))
    for stamp in signer.timestamps:
        yield from (indent + line for line in _timestamp(stamp, wording))
    if signer.proven_time is not None:
        yield say("command.verify.proven_time", time=_time(signer.proven_time))
    if signer.counter_signers:
        yield say("command.verify.counter_signers")
    for counter in signer.counter_signers:
        yield from _signer(counter, report, wording, indent + "    ")


def _coverage(coverage: Coverage, wording: Wording) -> Iterator[str]:
    if coverage.field:
        yield wording("command.verify.field", field=visible(coverage.field))
    yield wording(f"command.verify.covers.{coverage.kind}")
    if coverage.kind == "parts":
        yield from (f"  {visible(part)}" for part in coverage.parts)
    if coverage.kind == "revision":
        yield wording(f"command.verify.after.{coverage.after}", size=coverage.octets_after)


def _timestamp(stamp: TimestampReport, wording: Wording) -> Iterator[str]:
    if stamp.moment is None or stamp.authority is None:
        return  # a reason says so
    key = "command.verify.timestamp" if stamp.trusted else "command.verify.timestamp_untrusted"
    yield wording(key, time=_time(stamp.moment), authority=visible(stamp.authority.owner))


def _time(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
