"""The part of `pero token` that puts things on a token, renames them and takes them away."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import click

from agent.api.certificate_files import MAX_CHAIN
from agent.api.files import open_file, unreadable
from agent.certificates import pem
from agent.certificates.description import describe
from agent.cli.asking import pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.output import complain, plain, say
from agent.cli.token_choice import (
    Row,
    Session,
    answer_in_window,
    object_name,
    parse,
    token_option,
    with_token,
)
from agent.cms.existing import read_existing
from agent.errors import (
    CertificateAmbiguous,
    CertificateDamaged,
    DocumentTooLarge,
    ExistingUnsupported,
    Refused,
    SignatureDamaged,
)
from agent.model import KEY_FILES
from agent.tokens.labels import check_label
from agent.tokens.public_key import public_key

MAX_CERTIFICATE = 1 << 20  # bytes
_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_SEQUENCE = b"\x30"


@click.command("write-certificate", help="command.token.write_certificate.help")
@click.argument("file", type=click.Path(path_type=Path))
@token_option
@click.option("--label", metavar="TEXT", default="", help="token.option.label")
@click.option("--authority", is_flag=True, help="token.option.authority")
@pin_options
@json_option
@click.pass_obj
def write_certificate(
    context: Context,
    file: Path,
    wanted: str | None,
    label: str,
    authority: bool,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
) -> None:
    check_label(label)
    certificates = _certificates(file)

    async def work(session: Session) -> Row:
        chosen = certificates[0] if len(certificates) == 1 else _fitting(certificates, await session.objects())
        certificate = base64.b64encode(chosen).decode("ascii")
        answer_in_window(session)
        more: Row = {}
        if session.token["module"] == KEY_FILES:  # its issuers lie in the same file
            more["chain"] = [base64.b64encode(one).decode("ascii") for one in certificates[:MAX_CHAIN]]
        return await session(
            "token_write_certificate", certificate=certificate, label=label, authority=authority, **more
        )

    result = with_token(context, wanted, ask, pin_fd, work, key_files=wanted is not None)
    if as_json:
        print_json(result)
    else:
        say(context.text("token.certificate_written", owner=plain(result["object"].get("owner", ""))))


@click.command("import", help="command.token.import.help")
@click.argument("file", type=click.Path(path_type=str))
@token_option
@pin_options
@json_option
@click.pass_obj
def import_key_file(
    context: Context, file: str, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool
) -> None:
    path = os.path.abspath(file)  # noqa: PTH100 - links stay links
    open_file(Path(path)).close()  # before anybody is asked for anything

    async def work(session: Session) -> Row:
        answer_in_window(session)
        return await session("token_import", path=path)

    result = with_token(context, wanted, ask, pin_fd, work)
    if as_json:
        print_json(result)
        return
    say(context.text("token.imported", file=plain(file)))
    for row in result["objects"]:
        kind = context.text(f"token.kind.{row['kind']}")
        say(f"  {kind}  {plain(object_name(row, result['objects']))}")


@click.command("rename", help="command.token.rename.help")
@click.argument("given", metavar="OBJECT")
@click.argument("label")
@token_option
@pin_options
@json_option
@click.pass_obj
def rename(
    context: Context, given: str, label: str, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool
) -> None:
    check_label(label)

    async def work(session: Session) -> Row:
        chosen = parse(context, given, await session.objects())
        answer_in_window(session)
        return await session("token_rename", object=chosen, label=label)

    result = with_token(context, wanted, ask, pin_fd, work, key_files=True)
    if as_json:
        print_json(result)
    else:
        say(context.text("token.renamed", label=plain(label)))


@click.command("delete", help="command.token.delete.help")
@click.argument("given", metavar="OBJECT", nargs=-1, required=True)
@token_option
@click.option("--yes", is_flag=True, help="token.option.yes")
@pin_options
@json_option
@click.pass_obj
def delete(
    context: Context,
    given: tuple[str, ...],
    wanted: str | None,
    yes: bool,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
) -> None:
    if yes != (pin_fd is not None):
        raise click.UsageError(context.text("token.yes_with_descriptor"))

    async def work(session: Session) -> Row:
        objects = await session.objects()
        chosen = [parse(context, one, objects) for one in given]
        if session.kind == "terminal":
            _confirm(context, (await session("token_delete", objects=chosen, preview=True))["losses"])
        answer_in_window(session)
        return await session("token_delete", objects=chosen)

    result = with_token(context, wanted, ask, pin_fd, work, key_files=True)
    if as_json:
        print_json(result)
        return
    say(context.text("token.deleted"))
    for line in _losses(context, result["losses"]):
        say(line)


COMMANDS = (write_certificate, import_key_file, rename, delete)


def _losses(context: Context, losses: list[Row]) -> list[str]:
    return ["  " + context.text(f"token_loss.{loss['kind']}") + f": {plain(loss['name'])}" for loss in losses]


def _confirm(context: Context, losses: list[Row]) -> None:
    """Name on the terminal what goes, and go on at the whole word only. Raises Refused."""
    from agent.cli.terminal import ask_line

    complain(context.text("token_loss.danger"))
    for line in _losses(context, losses):
        complain(line)
    word = context.text("token.delete_word")
    if ask_line(context.text("token.delete_sure", word=word) + " ").strip().casefold() != word:
        raise Refused()


def _fitting(certificates: Sequence[bytes], objects: Sequence[Row]) -> bytes:
    """The one whose key is on the token, or the only one that is no authority's. Raises CertificateAmbiguous,
    CertificateDamaged."""
    known = {row["thumbprint"] for row in objects if row["kind"] == "key"}
    try:
        fitting = [der for der in certificates if hashlib.sha256(public_key(der).value).hexdigest() in known]
    except ValueError as error:
        raise CertificateDamaged(detail="no public key in it") from error
    chosen = fitting or [der for der in certificates if not describe(der).is_authority]
    if len(chosen) != 1:
        raise CertificateAmbiguous(count=len(chosen))
    return chosen[0]


def _certificates(file: Path) -> tuple[bytes, ...]:
    """DER of the certificates in a file: of the first where it is DER, PEM or base64 alone, of all in a .p7b (the
    certificates of a SignedData, RFC 5652 section 5.1).

    Raises FileUnreadable, DocumentTooLarge, CertificateDamaged.
    """
    with open_file(file) as opened:
        try:
            content = opened.read(MAX_CERTIFICATE + 1)
        except OSError as error:
            raise unreadable(file, error) from error
    if len(content) > MAX_CERTIFICATE:
        raise DocumentTooLarge(limit=MAX_CERTIFICATE)
    with contextlib.suppress(SignatureDamaged, ExistingUnsupported):
        found = tuple(one for one in read_existing(content).data.certificates if one.startswith(_SEQUENCE))
        if not found:
            raise CertificateDamaged(detail="no certificate in it")
        return found
    if content.startswith(_SEQUENCE):
        return (content,)
    try:
        found = pem.blocks(content, _LABELS) if pem.is_armoured(content) else (pem.from_base64(content),)
    except ValueError as error:
        raise CertificateDamaged(detail="not base64") from error
    if not found:
        raise CertificateDamaged(detail="no certificate in it")
    return found[:1]
