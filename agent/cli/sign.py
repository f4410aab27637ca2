"""`pero sign`: a signature of a file, of any kind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.api.files import open_file
from agent.cli.asking import Kind, asking, kind_of, pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.listing import show_offered, summary, thumbprint
from agent.cli.output import complain, plain, say
from agent.cli.progress import Progress
from agent.cli.signature_file import write_signature
from agent.cli.signature_options import filter_of, filter_option, kind_options, offer_of, target_for, wanted
from agent.cli.writing import check_free, check_room

if TYPE_CHECKING:
    from agent.app import Call
    from agent.transport.client import PinChoice


@click.command(help="command.sign.help")
@click.argument("file", type=click.Path(path_type=str))
@click.option("--certificate", metavar="THUMBPRINT", help="command.sign.option.certificate")
@filter_option("--filter", "command.sign.option.filter")
@click.option("--explain", is_flag=True, help="command.sign.option.explain")
@kind_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="command.sign.option.output")
@click.option("--force", is_flag=True, help="command.sign.option.force")
@pin_options
@json_option
@click.pass_obj
def command(
    context: Context,
    /,
    file: str,
    certificate: str | None,
    filters: tuple[str, ...],
    explain: bool,
    output: Path | None,
    force: bool,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
    **kind: Any,
) -> None:
    parameters = {"path": os.path.abspath(file), **wanted(context, **kind)}  # noqa: PTH100 - links stay
    parameters["filter"] = filter_of(context, filters)
    if certificate:
        parameters["certificate"] = thumbprint(context, certificate)
    if explain:
        show_offered(context, context.run(_fitting(context, parameters)), as_json)
        return
    target = output or target_for(file, parameters)
    if _same(target, file):
        raise click.UsageError(context.text("sign.onto_itself", path=plain(target)))
    asked = kind_of(context, ask, pin_fd)
    document = Path(parameters["path"])
    with open_file(document) as opened:  # before anybody is asked for anything
        size = os.fstat(opened.fileno()).st_size
    check_free(context, target, force)
    if parameters["attached"]:
        check_room(target, size)
    progress = Progress(context)

    async def finish(result: dict[str, Any]) -> None:
        await write_signature(target, result, document, force, progress.writing)
        progress.close()
        _tell(context, target, result, kind["level"], as_json)

    with contextlib.closing(progress), asking(context, asked, pin_fd, "asking.pin") as choice:
        context.run(_signed(context, choice, asked, parameters, progress, finish))


def _tell(context: Context, target: Path, result: dict[str, Any], level: str, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(target), **result})
        return
    say(context.text("sign.written", path=plain(target)))
    if result["level"] != level:
        complain(context.text("sign.level_lowered", level=result["level"].upper()))


def _same(target: Path, file: str) -> bool:
    """Whether the signature would take the place of the document itself."""
    try:
        return target.samefile(file)
    except OSError:
        return False


async def _signed(
    context: Context,
    choice: PinChoice,
    kind: Kind,
    parameters: dict[str, Any],
    progress: Progress,
    finish: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """`finish` is called before the session ends: that waits for what the window still has to ask, about the PIN."""
    async with context.session(choice, progress.notified) as call:
        if kind == "terminal":
            parameters = await _chosen(context, call, parameters)
        elif kind == "window":
            complain(context.text("sign.answer_in_window"))
        await finish(await call("sign_file", {**parameters, "progress": progress.name}))


async def _chosen(context: Context, call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Say on the terminal what is about to be signed and with what; where several certificates fit, ask which."""
    listed = (await call("certificates", offer_of(parameters)))["certificates"]
    named = parameters.get("certificate")
    fitting = [row for row in listed if not row["misfits"] and (row["thumbprint"] == named if named else _can(row))]
    if not fitting:
        return parameters  # the answer to it says what is the matter
    row = fitting[0] if len(fitting) == 1 else _pick(context, fitting)
    complain(context.text("sign.about_to", file=plain(parameters["path"]), certificate=summary(row)))
    return {**parameters, "certificate": row["thumbprint"]}


def _can(row: dict[str, Any]) -> bool:
    return not row["problems"]


async def _fitting(context: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call("certificates", offer_of(parameters))


def _pick(context: Context, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask on the terminal for one of the rows, until a number of the list or nothing is typed.

    Blocks the loop, in which nothing else runs now: so Ctrl-C has to end the reading itself. Raises Refused.
    """
    from agent.cli.terminal import Terminal
    from agent.errors import Refused

    terminal = Terminal()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number, row in enumerate(rows, 1):
            terminal.write(f"{number:>3}  {summary(row)}\n")
        while True:
            terminal.write(context.text("sign.which") + " ")
            answer = (terminal.read_line() or bytearray()).decode(errors="replace").strip()
            if not answer:
                raise Refused()
            if answer.isdecimal() and 1 <= int(answer) <= len(rows):
                return rows[int(answer) - 1]
            terminal.write(context.text("sign.no_such_number", number=len(rows)) + "\n")
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.close()
