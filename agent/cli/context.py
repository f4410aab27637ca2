"""What every command gets: where Pero keeps things, the environment, the language; and how results are printed."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent import config
from agent.errors import BadParameters, PeroError, SettingsDamaged
from agent.texts.catalogue import language_of, text
from agent.texts.errors import error_advice, error_text
from agent.texts.values import as_json

if TYPE_CHECKING:
    from agent.api.protocol import Lent
    from agent.app import Call
    from agent.transport.client import Notified, PinChoice

Result = TypeVar("Result")
NO_HOME = "/nonexistent"  # as Debian calls it
_JSON = "json"  # key of click's meta: whether the command was told to print JSON


@dataclasses.dataclass(frozen=True)
class Context:
    """Handed to commands by `click.pass_obj`."""

    locations: config.Locations
    environment: Mapping[str, str]
    language: str  # "ru" or "en"

    def text(self, key: str, **facts: object) -> str:
        """The wording of a key in the person's language."""
        return text(key, self.language, **facts)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a command's coroutine to its end. Ctrl-C cancels it and comes out as KeyboardInterrupt."""
        import asyncio

        return asyncio.run(coroutine)

    def session(
        self,
        pin: PinChoice | None = None,
        notified: Notified | None = None,
        *,
        watches: bool = False,
        lent: Lent | None = None,
    ) -> AbstractAsyncContextManager[Call]:
        """The running agent over the local socket, or the same objects here where none runs.

        `pin`: who gives the PIN where one is needed (see agent.cli.asking); without it, the window.
        `notified`: told what the agent says by itself. `watches`: an agent may start beside it. `lent`: for large
        content that is attached.
        """
        from agent.session import command_session
        from agent.transport.client import PinChoice, unheard

        choice, heard = pin or PinChoice("window"), notified or unheard
        return command_session(self.environment, choice, heard, watches=watches, lent=lent)


def context_from(environment: Mapping[str, str]) -> Context:
    """The context of this process. Settings that cannot be read cost their language only, here."""
    locations = config.locations(environment)
    try:
        setting = config.load_settings(locations.settings).language
    except SettingsDamaged:
        setting = ""
    return Context(locations, MappingProxyType(dict(environment)), language_of(environment, setting))


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json`: the command gets it as `as_json`, and errors are printed in JSON too."""

    def remember(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        if value:
            context.find_root().meta[_JSON] = True
        return value

    option = click.option("--json", "as_json", is_flag=True, is_eager=True, callback=remember, help="option.json")
    return option(command)


def print_json(value: object) -> None:
    """One JSON value on stdout, in UTF-8 whatever the locale says (RFC 8259 section 8.1).

    What steers a terminal, and octets of a file's name that are not UTF-8, stand there as JSON's own escapes.
    """
    sys.stdout.flush()
    sys.stdout.buffer.write(as_json(value).encode() + b"\n")
    sys.stdout.buffer.flush()


def wants_json(root: click.Context | None) -> bool:
    return bool(root is not None and root.meta.get(_JSON))


def error_value(error: PeroError, language: str) -> dict[str, Any]:
    """An error as `--json` prints it: the same fields as the `data` of a JSON-RPC error, and its code."""
    return {
        "code": error.code,
        "name": error.name,
        "actor": str(error.actor),
        "retriable": error.retriable,
        "facts": error.facts,
        "text": error_text(error.name, language, error.facts),
        "advice": advice(error, language),
    }


def advice(error: PeroError, language: str) -> str:
    """What a command knows better (the notes of the error, already worded), else what is said of every such error."""
    notes = getattr(error, "__notes__", None)
    if notes:
        return " ".join(notes)
    if isinstance(error, BadParameters):  # not a site's mistake: the options are what was asked
        return text("command.bad_parameters.advice", language)
    return error_advice(error.name, language, error.facts)


def environment() -> Mapping[str, str]:
    """That of this process. Where there is no home (a user whom the system does not know), one that cannot exist: what
    needs a place to keep things then says so, and what needs none works."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME
    return os.environ
