"""`pero keyfile`: key files (PKCS#12) that serve as tokens."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.api.files import open_file
from agent.api.writing import write
from agent.cli.asking import asking, kind_of, pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.listing import describe, thumbprint
from agent.cli.output import plain, say
from agent.cli.writing import check_free
from agent.errors import CertificateUnknown, PassphraseIncorrect, PinIncorrect
from agent.model import KEY_FILES

if TYPE_CHECKING:
    from agent.transport.client import PinChoice


@click.group(help="command.keyfile.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("add", help="command.keyfile.add.help")
@click.argument("file", type=click.Path(path_type=str))
@pin_options
@json_option
@click.pass_obj
def add(context: Context, file: str, ask: str | None, pin_fd: int | None, as_json: bool) -> None:
    kind = kind_of(context, ask, pin_fd)
    path = os.path.abspath(file)  # noqa: PTH100 - links stay links
    open_file(Path(path)).close()  # before anybody is asked for anything
    with asking(context, kind, pin_fd, "asking.passphrase") as choice:
        result = context.run(_added(context, choice, path))
    if as_json:
        print_json(result)
        return
    say(context.text("keyfile.added", file=plain(file)))
    for certificate in result["certificates"]:
        say(f"  {plain(certificate['subject'])}")
        say(f"  {certificate['thumbprint']}")


@command.command("list", help="command.keyfile.list.help")
@json_option
@click.pass_obj
def list_key_files(context: Context, as_json: bool) -> None:
    listed = context.run(_listed(context))
    mine = [entry for entry in listed["certificates"] if entry["token"]["module"] == KEY_FILES]
    if as_json:
        print_json({"certificates": mine})
        return
    if not mine:
        say(context.text("keyfile.none"))
    for certificate in mine:
        for line in describe(context, certificate):
            say(line)
        say()


@command.command("forget", help="command.keyfile.forget.help")
@click.argument("certificate", metavar="THUMBPRINT")
@json_option
@click.pass_obj
def forget(context: Context, certificate: str, as_json: bool) -> None:
    try:
        result = context.run(_forgotten(context, thumbprint(context, certificate)))
    except CertificateUnknown as error:
        error.add_note(context.text("keyfile.no_such"))
        raise
    if as_json:
        print_json(result)
    else:
        say(context.text("keyfile.forgotten"))


@command.command("backup", help="command.keyfile.backup.help")
@click.argument("certificate", metavar="THUMBPRINT")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", metavar="TEXT", default="", help="command.keyfile.backup.option.reason")
@click.option("--force", is_flag=True, help="token.option.force")
@json_option
@click.pass_obj
def backup(context: Context, certificate: str, file: Path, reason: str, force: bool, as_json: bool) -> None:
    """The copy has the passphrase of the key file: nobody is asked for it."""
    target = Path(os.path.abspath(file))  # noqa: PTH100 - links stay links
    check_free(context, target, force)
    parameters = {"thumbprint": thumbprint(context, certificate), "path": str(target), "reason": reason}
    result = context.run(_called(context, "backup_key_file", parameters))
    write(target, base64.b64decode(result["content"]), force)
    if as_json:
        print_json({"file": str(target)})
    else:
        say(context.text("certs.written", path=plain(target)))


async def _called(context: Context, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call(method, parameters)


async def _forgotten(context: Context, wanted: str) -> dict[str, Any]:
    async with context.session() as call:
        return await call("forget_key_file", {"thumbprint": wanted})


async def _added(context: Context, choice: PinChoice, path: str) -> dict[str, Any]:
    """Raises PassphraseIncorrect: it is no PIN, and nothing counts its tries."""
    async with context.session(choice) as call:
        try:
            return await call("add_key_file", {"path": path})
        except PinIncorrect as error:
            raise PassphraseIncorrect(file=Path(path).name) from error


async def _listed(context: Context) -> dict[str, Any]:
    async with context.session() as call:
        return await call("certificates", {})
