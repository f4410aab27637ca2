"""`pero setup`: lets the browsers of this user find Pero, and takes that back."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from agent.api import starting
from agent.cli.context import Context, json_option, print_json
from agent.cli.exits import Exit
from agent.cli.output import complain, plain, say
from agent.config import secure_folder
from agent.errors import FileUnreadable, FileUnwritable
from native_host import file_managers, install


@click.command(help="command.setup.help")
@click.option("--remove", is_flag=True, help="command.setup.option.remove")
@click.option("--autostart", is_flag=True, help="command.setup.option.autostart")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Path(path_type=Path),
    help="command.setup.option.profile",
)
@json_option
@click.pass_obj
def command(context: Context, remove: bool, autostart: bool, profiles: tuple[Path, ...], as_json: bool) -> int:
    if remove and (autostart or profiles):
        raise click.UsageError(context.text("setup.remove_alone"))
    if not install.supported():
        complain(context.text("setup.unsupported_system"))
        return Exit.NEGATIVE
    if remove:
        return _remove(context, as_json)
    return _set_up(context, autostart, profiles, as_json)


def _set_up(context: Context, starts: bool, profiles: tuple[Path, ...], as_json: bool) -> int:
    launcher = context.locations.host_launcher
    if not _is_unicode(launcher):
        raise FileUnwritable(path=ascii(str(launcher)), reason="not UTF-8: no browser can be told of it")
    _check_profiles(profiles)
    secure_folder(context.locations.state)
    try:
        install.write_launcher(launcher, context.locations.socket)
        written = install.install(launcher, _home(context), profiles)
        menus = file_managers.install(context.environment, _home(context))
    except OSError as error:
        raise FileUnwritable(path=str(error.filename or launcher), reason=error.strerror or "unwritable") from error
    entry = starting.write(context.environment) if starts else None
    if as_json:
        rows = [{"name": one.browser, "title": one.title, "manifest": str(one.path)} for one in written]
        starting_with = str(entry) if entry else None
        shown = {
            "launcher": str(launcher),
            "browsers": rows,
            "autostart": starting_with,
            "menus": list(map(str, menus)),
        }
        print_json(shown)
        return Exit.OK
    for one in written:
        say(context.text("setup.written", title=plain(one.title), path=plain(one.path)))
    if not written:
        say(context.text("setup.no_browsers"))
    for path in menus:
        say(context.text("setup.menu", path=plain(path)))
    if entry:
        say(context.text("setup.autostart", path=plain(entry)))
    say(context.text("setup.extension_next"))
    return Exit.OK


def _check_profiles(profiles: tuple[Path, ...]) -> None:
    """Raises FileUnreadable where one is no folder: a slip in a name shall not make a profile that no browser has."""
    for profile in profiles:
        try:
            next(profile.iterdir(), None)
        except OSError as error:
            raise FileUnreadable(path=str(profile), reason=error.strerror or "unreadable") from error


def _is_unicode(path: Path) -> bool:
    """Whether the path can stand in a manifest, which is JSON in UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _remove(context: Context, as_json: bool) -> int:
    """Remove what was written, and the state folder where nothing else is in it."""
    try:
        removed = install.remove(context.locations.host_launcher, _home(context))
        removed += starting.remove(context.environment)
        removed += file_managers.remove(context.environment, _home(context))
    except OSError as error:
        raise FileUnwritable(path=str(error.filename), reason=error.strerror or "unwritable") from error
    _remove_empty(context.locations.state)
    if as_json:
        print_json({"removed": [str(path) for path in removed]})
        return Exit.OK
    for path in removed:
        say(context.text("setup.removed", path=plain(path)))
    if not removed:
        say(context.text("setup.nothing_to_remove"))
    return Exit.OK


def _home(context: Context) -> Path:
    return Path(context.environment.get("HOME") or Path.home())


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
