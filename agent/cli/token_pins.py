"""The part of `pero token` that is about PINs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import click

from agent.cli.asking import pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.output import say
from agent.cli.token_choice import Row, Session, answer_in_window, token_argument, with_token


@click.command("change-pin", help="command.token.change_pin.help")
@token_argument
@pin_options
@json_option
@click.pass_obj
def change_pin(context: Context, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool) -> None:
    result = with_token(
        context, wanted, ask, pin_fd, _asked("token_change_pin"), question="asking.old_pin", key_files=True
    )
    _say(result, as_json, context.text("token.pin_changed"))


@click.command("unblock", help="command.token.unblock.help")
@token_argument
@pin_options
@json_option
@click.pass_obj
def unblock(context: Context, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool) -> None:
    result = with_token(context, wanted, ask, pin_fd, _asked("token_unblock"), officer=True)
    _say(result, as_json, context.text("token.unblocked"))


@click.command("set-pin", help="command.token.set_pin.help")
@token_argument
@pin_options
@json_option
@click.pass_obj
def set_pin(context: Context, wanted: str | None, ask: str | None, pin_fd: int | None, as_json: bool) -> None:
    result = with_token(context, wanted, ask, pin_fd, _asked("token_set_pin"), officer=True)
    _say(result, as_json, context.text("token.pin_set"))


COMMANDS = (change_pin, unblock, set_pin)


def _asked(method: str) -> Callable[[Session], Coroutine[Any, Any, Row]]:
    async def work(session: Session) -> Row:
        answer_in_window(session)
        return await session(method)

    return work


def _say(result: Row, as_json: bool, words: str) -> None:
    if as_json:
        print_json(result)
    else:
        say(words)
