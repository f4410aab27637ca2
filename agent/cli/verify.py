"""`pero verify`: is a signature right, of which document, by whom. Exit codes: 0 valid, 1 invalid, 2 cannot tell.

Needs no agent: it reads files and writes text. The document of a detached signature is looked for beside it. Without
`--trust` the authorities count that the person trusts on this computer; with it none but those named.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from agent.api.files import open_file
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import plain, say
from agent.cli.verify_report import show, value_of
from agent.errors import DocumentTooLarge, FileUnreadable

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
    from agent.trust.authorities import Authorities
    from agent.verification.beside import document_of
    from agent.verification.documents import is_pdf, verify_any

    anchors = [anchor for path in trust for anchor in read_anchors(_read_regular(path))]
    remembered = [] if trust else [one.der for one in Authorities(context.locations.authorities).all()]
    now = datetime.datetime.now(datetime.UTC)
    octets = _read(signature)
    if content is not None and is_pdf(octets):
        raise click.UsageError(context.text("command.verify.content_of_pdf"))
    report = verify_any(octets, content, (anchors + remembered) or None, now)
    if content is None and "content_missing" in report.reasons and (beside := document_of(signature)) is not None:
        content = beside
        report = verify_any(octets, content, (anchors + remembered) or None, now)
    if as_json:
        print_json(value_of(report))
    else:
        show(report, context)
        if content is not None:
            say(context.text("command.verify.document", file=plain(str(content))))
        if remembered:
            say(context.text("command.verify.remembered", count=len(remembered)))
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
