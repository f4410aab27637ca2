"""`pero care`: passphrases of key files, copies of keys that lie about, and what to do when a key may be lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.asking import asking, kind_of, pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.listing import DATE
from agent.cli.output import complain, plain, say
from agent.errors import Refused, TokenAbsent
from agent.model import KEY_FILES
from agent.texts.catalogue import plural
from agent.texts.strays import notes, steps

if TYPE_CHECKING:
    from agent.transport.client import PinChoice

Row = dict[str, Any]
_SHORTEST = 8  # digits of a thumbprint that is cut short


@click.group(help="command.care.help", no_args_is_help=True)
def command() -> None:
    pass


@command.command("lock", help="command.care.lock.help")
@json_option
@click.pass_obj
def lock(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "pause", {}))
    if as_json:
        print_json(result)
    else:
        say(context.text("care.done.pause"))
        say(context.text("care.lock.resume"))


@command.command("passphrases", help="command.care.passphrases.help")
@json_option
@click.pass_obj
def passphrases(context: Context, as_json: bool) -> None:
    result = context.run(_call(context, "list_care", {}))
    if as_json:
        print_json({"passphrase_days": result["passphrase_days"], "key_files": result["key_files"]})
        return
    if not result["key_files"]:
        say(context.text("care.passphrases.none"))
    for file in result["key_files"]:
        days = file["days"]
        fresh = context.text("care.passphrases.today")
        state = [plural("care.passphrases.days", days, context.language) if days else fresh]
        state += [context.text("care.passphrases.old")] if file["old"] else []
        state += [context.text("care.passphrases.weak")] if file["weak"] else []
        say(f"{plain(file['token']['label'])}  {file['token']['serial']}  {'; '.join(state)}")


@command.command("passphrase", help="command.care.passphrase.help")
@click.argument("wanted", metavar="[KEYFILE]", required=False)
@pin_options
@json_option
@click.pass_obj
def passphrase(context: Context, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool) -> None:
    kind = kind_of(context, ask, pin_fd)
    listed = context.run(_call(context, "list_care", {}))
    file = _chosen(context, listed["key_files"], wanted)
    with asking(context, kind, pin_fd, "asking.old_passphrase") as choice:
        if kind == "window":
            complain(context.text("sign.answer_in_window"))
        result = context.run(_changed(context, choice, file["token"]))
    if as_json:
        print_json(result)
    else:
        say(context.text("care.passphrases.changed", file=plain(file["token"]["label"])))


def _chosen(context: Context, files: list[Row], wanted: str | None) -> Row:
    """By the name of the file, its serial number or its thumbprint. Raises TokenAbsent, click.UsageError."""
    given = (wanted or "").strip()
    bare = given.replace(":", "").replace(" ", "").lower()
    found = [
        file
        for file in files
        if not given
        or given in (file["token"]["label"], file["token"]["serial"])
        or (len(bare) >= _SHORTEST and file["thumbprint"].startswith(bare))
    ]
    if not found:
        raise TokenAbsent(token=given, module=KEY_FILES)
    if len(found) > 1:
        names = "; ".join(plain(f"{file['token']['label']} {file['token']['serial']}") for file in found)
        raise click.UsageError(context.text("care.passphrases.several", files=names))
    return found[0]


async def _changed(context: Context, choice: PinChoice, token: Row) -> Row:
    async with context.session(choice) as call:
        return await call("token_change_pin", {"token": token})


@command.command("strays", help="command.care.strays.help")
@click.argument("folders", nargs=-1, type=click.Path(path_type=str), metavar="[FOLDER]...")
@json_option
@click.pass_obj
def strays(context: Context, folders: tuple[str, ...], as_json: bool) -> None:
    """What was found until Ctrl-C is shown."""
    absolute = [os.path.abspath(folder) for folder in folders]  # noqa: PTH100 - links stay links
    found: list[Row] = []

    def notified(method: str, parameters: Row) -> None:
        if method == "strays":
            found.extend(parameters["strays"])

    try:
        result = context.run(_searched(context, absolute, notified))
    except KeyboardInterrupt:
        if not as_json:
            _show(context, found)
        complain(context.text("strays.ended.cancelled"))
        raise
    if as_json:
        print_json(result)
        return
    _show(context, result["strays"])
    say(plural("strays.found", len(result["strays"]), context.language))
    say(context.text("strays.looked", folders=result["folders"], files=result["files"]))
    if result["ended"]:
        complain(context.text(f"strays.ended.{result['ended']}"))
    if result["unread"]:
        complain(plural("strays.unread", result["unread"], context.language))
    if result["left_out"]:
        complain(context.text("strays.left_out", places=plain(", ".join(result["left_out"]))))


def _show(context: Context, found: list[Row]) -> None:
    for stray in found:
        say(plain(stray["path"]))
        told = [context.text(f"strays.kind.{stray['kind']}"), stray["changed"][:DATE], *notes(stray, context.language)]
        say(f"  {'; '.join(plain(part) for part in told)}")
    for kind in dict.fromkeys(stray["kind"] for stray in found):
        say(f"{context.text(f'strays.kind.{kind}')}: {context.text(f'strays.advice.{kind}')}")


async def _searched(context: Context, folders: list[str], notified: Any) -> Row:
    async with context.session(None, notified) as call:
        return await call("find_strays", {"folders": folders})


@command.command("delete", help="command.care.delete.help")
@click.argument("file", type=click.Path(path_type=str))
@click.option("--yes", is_flag=True, help="command.care.delete.yes")
@json_option
@click.pass_obj
def delete(context: Context, file: str, yes: bool, as_json: bool) -> None:
    path = os.path.abspath(file)  # noqa: PTH100 - a link is no copy of a key
    if not yes:
        _make_sure(context, path)
    result = context.run(_call(context, "delete_stray", {"path": path}))
    if as_json:
        print_json(result)
    else:
        say(context.text("strays.deleted", file=plain(path)))


def _make_sure(context: Context, path: str) -> None:
    """Raises Refused, WindowUnavailable where there is no terminal."""
    from agent.cli.terminal import ask_line

    word = context.text("asking.last_try_word")
    say(context.text("strays.delete_sure", file=plain(path)))
    if ask_line(context.text("care.delete.sure", word=word) + " ").strip().casefold() != word:
        raise Refused()


@command.command("lost", help="command.care.lost.help")
@click.argument("certificate", metavar="[THUMBPRINT]", required=False)
@click.option("--what", default="", metavar="TEXT", help="command.care.lost.what")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="command.care.lost.save")
@json_option
@click.pass_obj
def lost(context: Context, certificate: str | None, what: str, save: Path | None, as_json: bool) -> int:
    parameters = {"circumstances": what.strip(), "language": context.language}
    result = context.run(_reported(context, certificate, parameters))
    if as_json:
        print_json(result)
    else:
        told = steps(result["place"], result["sites"], context.language, paused=result["paused"])
        for number, step in enumerate(told, 1):
            say(f"{number}. {step}")
        say()
        for line in result["statement"].splitlines():
            say(plain(line))
    if save is not None:
        from agent.api.writing import write

        write(save, result["statement"].encode("utf-8"), False)
    return Exit.OK if result["paused"] and result["recorded"] else Exit.NEGATIVE


async def _reported(context: Context, certificate: str | None, parameters: Row) -> Row:
    """Of a certificate that is not in the machine what is remembered of it. Signing is paused whatever was named."""
    async with context.session() as call:
        key = _key(context, (await call("list_care", {}))["keys"], certificate) if certificate else {}
        return await call("report_lost", {**parameters, **key})


def _key(context: Context, keys: list[Row], given: str) -> Row:
    """By the beginning of its thumbprint, or its serial number; one that is not known is named all the same."""
    bare = given.replace(":", "").replace(" ", "").lower()
    for key in keys:
        if bare == key["serial"] or (len(bare) >= _SHORTEST and key["thumbprint"].startswith(bare)):
            return {name: key[name] for name in ("thumbprint", "serial", "owner")}
    complain(context.text("care.lost.unknown"))
    return {"serial": bare} if bare and all(digit in "0123456789abcdef" for digit in bare) and len(bare) < 64 else {}


async def _call(context: Context, method: str, parameters: Row) -> Row:
    async with context.session() as call:
        return await call(method, parameters)
