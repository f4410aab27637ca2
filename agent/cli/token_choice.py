"""What the commands of `pero token` have in common: the token and the object they are for, and how they ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agent.cli import asking
from agent.cli.asking import Kind
from agent.cli.context import Context
from agent.cli.output import complain, plain
from agent.errors import ObjectAbsent, TokenAbsent, WindowUnavailable
from agent.model import KEY_FILES

if TYPE_CHECKING:
    from agent.app import Call

Row = dict[str, Any]
KINDS = ("certificate", "key", "data")
_HEX = re.compile("([0-9a-f]{2})+")
_SHORTEST = 8  # digits of a thumbprint that is cut short

_NAMED = "pero.token"  # in the command's context: what --token says, where the token may be an argument too


def _remember(key: str) -> Callable[[click.Context, click.Parameter, object], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        context.meta[key] = value

    return keep


token_option = click.option("--token", "wanted", metavar="TOKEN", help="token.option.token")


def token_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--token`, which may be said without its name here."""
    named = click.option(
        "--token", "named", metavar="TOKEN", expose_value=False, callback=_remember(_NAMED), help="token.option.token"
    )
    return click.argument("wanted", metavar="[TOKEN]", required=False)(named(command))


class Session(NamedTuple):
    """A session with its token chosen."""

    context: Context
    call: Call
    kind: Kind
    token: Row

    async def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method for this token."""
        return await self.call(method, {"token": name_of(self.token), **parameters})

    async def objects(self) -> list[Row]:
        """What can be seen without a login."""
        rows: list[Row] = (await self("token_objects"))["objects"]
        return rows


def with_token(
    context: Context,
    wanted: str | None,
    ask: str | None,
    pin_fd: int | None,
    work: Callable[[Session], Coroutine[Any, Any, Row]],
    *,
    question: str = "asking.pin",
    key_files: bool = False,
    officer: bool = False,
) -> Row:
    """Open a session, choose the token, do the work. `key_files`: they count as tokens. `officer`: the secret is the
    security officer's."""
    kind = asking.kind_of(context, ask, pin_fd)
    token = context.run(_chosen(context, _wanted(context, wanted), kind, key_files))
    if token["module"] == KEY_FILES:
        question = {"asking.pin": "asking.passphrase", "asking.old_pin": "asking.old_passphrase"}.get(
            question, question
        )

    async def run() -> Row:
        async with context.session(choice) as call:
            return await work(Session(context, call, kind, token))

    with asking.asking(context, kind, pin_fd, question) as choice:
        return context.run(run())


def _wanted(context: Context, given: str | None) -> str | None:
    """Raises click.UsageError where two tokens are named."""
    named = click.get_current_context().meta.get(_NAMED)
    if given is not None and named not in (None, given):
        raise click.UsageError(context.text("token.named_twice"))
    return named if given is None else given


def name_of(token: Row) -> Row:
    """A token as the methods take it."""
    return {"label": token["label"], "serial": token["serial"], "module": token["module"]}


def summary(token: Row) -> str:
    """One line for a person who chooses."""
    return plain(", ".join(part for part in (token["label"], token["serial"], token["reader"]) if part))


async def _chosen(context: Context, wanted: str | None, kind: Kind, key_files: bool) -> Row:
    async with context.session() as call:
        return choose(context, await call("token_list", {}), wanted, kind, key_files=key_files)


def choose(context: Context, listed: Row, wanted: str | None, kind: Kind, *, key_files: bool) -> Row:
    """The token of that label or serial number; where several fit the person is asked. Raises TokenAbsent."""
    rows: list[Row] = [row for row in listed["tokens"] if key_files or row["module"] != KEY_FILES]
    fitting = [row for row in rows if wanted in (None, row["serial"], row["label"])]
    if not fitting:
        raise TokenAbsent(token=wanted or "", module="")
    if len(fitting) == 1:
        return fitting[0]
    if kind != "descriptor":
        from agent.cli.terminal import pick

        try:
            return fitting[pick(context, [summary(row) for row in fitting], "token.which")]
        except WindowUnavailable:
            pass  # nobody is at a terminal
    names = "; ".join(summary(row) for row in fitting)
    raise click.UsageError(context.text("token.several", tokens=names))


def parse(context: Context, given: str, objects: Sequence[Row]) -> Row:
    """An object by KIND:ID or KIND:THUMBPRINT (of which the beginning is enough). One that only a login shows is taken
    as it was named. Raises click.UsageError, ObjectAbsent."""
    kind, _, value = given.partition(":")
    value = value.replace(" ", "").lower()
    if kind not in KINDS or not _HEX.fullmatch(value):
        raise click.UsageError(context.text("token.no_object", given=plain(given)))
    of_kind = [row for row in objects if row["kind"] == kind]
    found = [row for row in of_kind if row["id"] == value]
    if not found and len(value) >= _SHORTEST:
        found = [row for row in of_kind if row["thumbprint"].startswith(value)]
    if len(found) > 1:
        raise click.UsageError(context.text("token.several_objects", given=plain(given)))
    if found:
        return {name: found[0][name] for name in ("kind", "id", "thumbprint")}
    if len(value) == 64:  # digits of a SHA-256
        return {"kind": kind, "id": "", "thumbprint": value}
    return {"kind": kind, "id": value}


def only_key(context: Context, objects: Sequence[Row], token: Row) -> Row:
    """The one key of a token. Raises ObjectAbsent where there is none, click.UsageError where there are more."""
    keys = [row for row in objects if row["kind"] == "key"]
    if len(keys) > 1:
        names = ", ".join(object_name(row, objects) for row in keys)
        raise click.UsageError(context.text("token.several_keys", keys=names))
    if not keys:
        raise ObjectAbsent(token=token["label"], kind="key", id="")
    return {name: keys[0][name] for name in ("kind", "id", "thumbprint")}


def object_name(row: Row, every: Sequence[Row]) -> str:
    """How a command names this object: the shorter way where that is enough."""
    same = [one for one in every if (one["kind"], one["id"]) == (row["kind"], row["id"])]
    return f"{row['kind']}:{row['id'] if row['id'] and len(same) == 1 else row['thumbprint'][:16]}"


def answer_in_window(session: Session) -> None:
    """Said before the window comes up, since it may come up behind the terminal."""
    if session.kind == "window":
        complain(session.context.text("sign.answer_in_window"))
