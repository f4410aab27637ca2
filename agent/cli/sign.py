"""`pero sign`: a signature of a file, of any kind; many files are in `sign_many`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.api.files import open_file
from agent.api.protocol import Lent
from agent.api.signature_file import target_for, write_signature
from agent.api.writing import begun, check_room, same
from agent.cli.asking import Kind, asking, kind_of, pin_options
from agent.cli.certificate_choice import chosen
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.listing import show_offered, thumbprint
from agent.cli.output import complain, plain, say
from agent.cli.progress import Progress
from agent.cli.sign_many import Wanted, sign_many
from agent.cli.signature_options import filter_of, filter_option, kind_options, offer_of, wanted
from agent.cli.writing import check_free
from agent.errors import FileUnwritable

if TYPE_CHECKING:
    from agent.transport.client import PinChoice

_LARGE = 32 << 20  # bytes; no agent reads less as a stream


@click.command(help="command.sign.help")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=str))
@click.option("--certificate", metavar="THUMBPRINT", help="command.sign.option.certificate")
@filter_option("--filter", "command.sign.option.filter")
@click.option("--explain", is_flag=True, help="command.sign.option.explain")
@kind_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="command.sign.option.output")
@click.option("--force", is_flag=True, help="command.sign.option.force")
@click.option("--resume", is_flag=True, help="command.sign.option.resume")
@pin_options
@json_option
@click.pass_obj
def command(
    context: Context,
    /,
    files: tuple[str, ...],
    certificate: str | None,
    filters: tuple[str, ...],
    explain: bool,
    output: Path | None,
    force: bool,
    resume: bool,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
    **kind: Any,
) -> int:
    parameters = wanted(context, **kind)
    parameters["filter"] = filter_of(context, filters)
    if certificate:
        parameters["certificate"] = thumbprint(context, certificate)
    if explain:
        show_offered(context, context.run(_fitting(context, parameters)), as_json)
        return Exit.OK
    if len(files) > 1 or resume:
        return sign_many(context, Wanted(files, parameters, output, force, resume, as_json), ask, pin_fd)
    (file,) = files
    parameters["path"] = os.path.abspath(file)  # noqa: PTH100 - links stay
    target = output or target_for(file, parameters)
    if same(target, file):
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
        await write_signature(target, result, document, force, progress.writing, room)
        progress.close()
        _tell(context, target, result, kind["level"], as_json)

    with contextlib.ExitStack() as stack:
        room = stack.enter_context(begun(target)) if parameters["attached"] and size > _LARGE else None
        lent = None if room is None else Lent(stack.enter_context(open_file(document)).fileno(), room.file.fileno())
        stack.enter_context(contextlib.closing(progress))
        choice = stack.enter_context(asking(context, asked, pin_fd, "asking.pin"))
        with _named(target):
            context.run(_signed(context, choice, asked, parameters, progress, finish, lent))
    return Exit.OK


@contextlib.contextmanager
def _named(target: Path) -> Iterator[None]:
    """Whoever writes in the room does not know what its file will be called."""
    try:
        yield
    except FileUnwritable as error:
        if error.facts["path"]:
            raise
        raise FileUnwritable(path=str(target), reason=error.facts["reason"]) from error


def _tell(context: Context, target: Path, result: dict[str, Any], level: str, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(target), **result})
        return
    say(context.text("sign.written", path=plain(target)))
    if result["level"] != level:
        complain(context.text("sign.level_lowered", level=result["level"].upper()))


async def _signed(
    context: Context,
    choice: PinChoice,
    kind: Kind,
    parameters: dict[str, Any],
    progress: Progress,
    finish: Callable[[dict[str, Any]], Awaitable[None]],
    lent: Lent | None,
) -> None:
    """`finish` is called before the session ends: that waits for what the window still has to ask, about the PIN."""

    def about(certificate: str) -> None:
        complain(context.text("sign.about_to", file=plain(parameters["path"]), certificate=certificate))

    async with context.session(choice, progress.notified, lent=lent) as call:
        if kind == "terminal":
            parameters = await chosen(context, call, parameters, about)
        elif kind == "window":
            complain(context.text("sign.answer_in_window"))
        await finish(await call("sign_file", {**parameters, "progress": progress.name}))


async def _fitting(context: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    async with context.session() as call:
        return await call("certificates", offer_of(parameters))
