"""`pero verify`: is a signature right, of which document, by whom. Exit codes: 0 valid, 1 invalid, 2 cannot tell.

Needs no agent: it reads files and writes text.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.api.files import open_file
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import plain, say
from agent.errors import DocumentTooLarge, FileUnreadable

if TYPE_CHECKING:
    from agent.verification.report import Report, SignerReport, TimestampReport

MAX_FILE = 256 << 20  # bytes of a signature or of a file of certificates, which are read whole
_EXITS = {"valid": Exit.OK, "invalid": Exit.NEGATIVE, "indeterminate": Exit.UNDECIDED}


@click.command(help="command.verify.help")
@click.argument("signature", type=click.Path(path_type=Path))
@click.option("--content", type=click.Path(path_type=Path), metavar="FILE", help="command.verify.option.content")
@click.option(
    "--trust", type=click.Path(path_type=Path), metavar="CA.pem", multiple=True, help="command.verify.option.trust"
)
@json_option
@click.pass_obj
def command(context: Context, signature: Path, content: Path | None, trust: tuple[Path, ...], as_json: bool) -> int:
    from agent.trust.anchors import read_anchors
    from agent.verification.procedure import verify

    anchors = [anchor for path in trust for anchor in read_anchors(_read_regular(path))]
    now = datetime.datetime.now(datetime.UTC)
    report = verify(_read(signature), content, anchors if trust else None, now)
    if as_json:
        print_json(_value(report))
    else:
        _show(report, context)
    return _EXITS[report.status]


def _read(path: Path) -> bytes:
    """Raises FileUnreadable, DocumentTooLarge. A pipe is read too; a device without an end is not waited for."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error
    if len(content) > MAX_FILE:
        raise DocumentTooLarge(limit=MAX_FILE)
    return content


def _read_regular(path: Path) -> bytes:
    """A file of certificates; a pipe or a device is refused. Raises as `_read`."""
    with open_file(path) as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise DocumentTooLarge(limit=MAX_FILE)
    return content


def _show(report: Report, context: Context) -> None:
    say(context.text(f"command.verify.{report.status}"))
    if not report.signers:
        _show_reasons(report.reasons, context)
    for signer in report.signers:
        _show_signer(signer, context)
    say(context.text("command.verify.checked", time=_time(report.checked_at)))
    say(context.text(f"command.verify.revocation.{report.revocation}"))


def _show_signer(signer: SignerReport, context: Context, indent: str = "") -> None:
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


def _value(report: Report) -> dict[str, Any]:
    return {
        "status": str(report.status),
        "reasons": list(report.reasons),
        "attached": report.attached,
        "checked_at": _iso(report.checked_at),
        "revocation": report.revocation,
        "signers": [_signer_value(signer) for signer in report.signers],
    }


def _timestamp_value(stamp: TimestampReport) -> dict[str, Any]:
    return {
        "time": _iso(stamp.moment) if stamp.moment else None,
        "authority": stamp.authority.owner if stamp.authority else None,
        "trusted": stamp.trusted,
        "reason": stamp.reason,
    }


def _signer_value(signer: SignerReport) -> dict[str, Any]:
    certificate = signer.certificate
    return {
        "status": str(signer.status),
        "reasons": list(signer.reasons),
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
