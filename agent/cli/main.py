"""`pero`: COMMANDS, and what happens around every one of them.

A command is a module with a click command named `command`; it is imported when it is used, and only then. Its help is
the keys `command.NAME.help` (whole) and `command.NAME.short` (one line, shown by `pero --help`).
Exit codes are in `exits`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from agent.cli import context as contexts
from agent.cli.exits import Exit
from agent.cli.output import complain, plain
from agent.cli.wording import speak, word
from agent.config import VERSION
from agent.errors import PeroError
from agent.ipc.hardening import harden
from agent.texts.catalogue import text
from agent.texts.errors import error_text

COMMANDS: dict[str, str] = {
    "run": "agent.cli.run",
    "stop": "agent.cli.stop",
    "desk": "agent.cli.desk",
    "guide": "agent.cli.guide",
    "pause": "agent.cli.pause",
    "resume": "agent.cli.resume",
    "setup": "agent.cli.setup",
    "modules": "agent.cli.modules",
    "keyfile": "agent.cli.keyfile",
    "certificates": "agent.cli.certificates",
    "token": "agent.cli.token",
    "try": "agent.cli.try_signature",
    "sign": "agent.cli.sign",
    "verify": "agent.cli.verify",
    "authorities": "agent.cli.authorities",
    "sites": "agent.cli.sites",
    "settings": "agent.cli.settings",
    "journal": "agent.cli.journal",
    "notices": "agent.cli.notices",
    "care": "agent.cli.care",
    "diagnose": "agent.cli.diagnose",
    "watch": "agent.cli.watch",
    "demo": "agent.cli.demo",
}


class _Commands(click.Group):
    """A group whose commands are rows of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)  # noqa: S101 - a test holds the table
        return word(command, ctx.obj.language)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        language = ctx.obj.language
        with formatter.section(text("Commands", language)):
            formatter.write_dl([(name, text(f"command.{name}.short", language)) for name in COMMANDS])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. `arguments` without the program's name."""
    harden(secret=True)
    given = list(sys.argv[1:] if arguments is None else arguments)
    context = contexts.context_from(contexts.environment())
    speak(context.language, context.environment)
    _escape_unwritable()
    root = click.Context(_root(context.language), info_name="pero", obj=context)
    try:
        return _guarded(root, given, context.language)
    except BrokenPipeError:
        return _broken_pipe()


def _root(language: str) -> click.Group:
    group = _Commands("pero", help="command.pero.help", no_args_is_help=True)
    version = click.version_option(VERSION, message="pero %(version)s", help="option.version")
    word(version(group), language)
    return group


def _guarded(root: click.Context, given: list[str], language: str) -> int:
    """Every way out of a command, as an exit code. Only a broken pipe comes out as an exception."""
    try:
        code = _invoke(root, given)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        error.show()
        code = Exit.USAGE
    except PeroError as error:
        code = _failed(error, contexts.wants_json(root), language)
    except (KeyboardInterrupt, click.Abort):
        complain("")
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it is 1, which says "signature invalid"
        sys.excepthook(type(error), error, error.__traceback__)
        code = Exit.SOFTWARE
    sys.stdout.flush()
    return code


def _invoke(root: click.Context, given: list[str]) -> int:
    with root:
        root.command.parse_args(root, given)
        result = root.command.invoke(root)
    return result if isinstance(result, int) else Exit.OK


def _failed(error: PeroError, as_json: bool, language: str) -> int:
    if as_json:
        contexts.print_json({"error": contexts.error_value(error, language)})
        return Exit.FAILED
    facts = {name: plain(value) for name, value in error.facts.items()}
    complain(text("command.failed", language, text=error_text(error.name, language, facts)))
    advice = plain(contexts.advice(error, language))
    if advice:
        complain(advice)
    return Exit.FAILED


def _broken_pipe() -> int:
    """Whoever read our output went away: nothing more is written, also not at the interpreter's end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.BROKEN_PIPE


def _escape_unwritable() -> None:
    """A character that the locale cannot write is escaped; it ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
