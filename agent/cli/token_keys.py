"""The part of `pero token` that makes keys, and requests for certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agent.api.writing import write
from agent.certificates.request import ATTRIBUTES, KEY_USAGES
from agent.cli.asking import pin_options
from agent.cli.context import Context, json_option, print_json
from agent.cli.output import plain, say
from agent.cli.token_choice import (
    Row,
    Session,
    answer_in_window,
    only_key,
    parse,
    token_argument,
    token_option,
    with_token,
)
from agent.cli.writing import check_free
from agent.texts.standards import standard
from agent.tokens.inventory import PARAMETERS
from agent.tokens.labels import check_label

_LINE = 64  # characters of a line of PEM (RFC 7468 section 2)
_COUNTRY = "RU"


@click.command("generate-key", help="command.token.generate_key.help")
@token_argument
@click.option("--type", "kind", type=click.Choice(list(PARAMETERS)), default="gost256", help="token.option.type")
@click.option("--parameters", metavar="NAME", default="", help="token.option.parameters")
@click.option("--label", metavar="TEXT", default="", help="token.option.label")
@click.option("--id", "identifier", metavar="HEX", default="", help="token.option.id")
@pin_options
@json_option
@click.pass_obj
def generate_key(
    context: Context,
    wanted: str | None,
    kind: str,
    parameters: str,
    label: str,
    identifier: str,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
) -> None:
    check_label(label)
    if parameters and parameters not in PARAMETERS[kind]:
        raise click.UsageError(context.text("token.no_parameters", names=", ".join(PARAMETERS[kind])))

    async def work(session: Session) -> Row:
        answer_in_window(session)
        return await session("token_generate_key", type=kind, parameters=parameters, label=label, id=identifier.lower())

    result = with_token(context, wanted, ask, pin_fd, work)
    if as_json:
        print_json(result)
        return
    made = result["object"]
    say(context.text("token.generated", made=plain(standard(made["key"], context.language)), name=f"key:{made['id']}"))


def _subject_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for attribute in reversed(ATTRIBUTES):
        default = _COUNTRY if attribute.name == "country" else ""
        command = click.option(
            f"--{attribute.name.replace('_', '-')}",
            metavar="TEXT",
            default=default,
            required=attribute.name == "common_name",
            help=f"token.subject.{attribute.name}",
        )(command)
    return command


@click.command("request", help="command.token.request.help")
@click.argument("key", metavar="[KEY]", required=False)
@token_option
@_subject_options
@click.option("--usage", type=click.Choice(KEY_USAGES), multiple=True, help="token.option.usage")
@click.option("--extended-usage", metavar="OID", multiple=True, help="token.option.extended_usage")
@click.option("--policy", metavar="OID", multiple=True, help="token.option.policy")
@click.option("--sign-tool", metavar="TEXT", default="", help="token.option.sign_tool")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="token.option.request_output")
@click.option("--pem", is_flag=True, help="token.option.pem")
@click.option("--force", is_flag=True, help="token.option.force")
@pin_options
@json_option
@click.pass_obj
def request(
    context: Context,
    /,
    key: str | None,
    wanted: str | None,
    usage: tuple[str, ...],
    extended_usage: tuple[str, ...],
    policy: tuple[str, ...],
    sign_tool: str,
    output: Path | None,
    pem: bool,
    force: bool,
    ask: str | None,
    pin_fd: int | None,
    as_json: bool,
    **subject: str,
) -> None:
    target = output or Path("request.pem" if pem else "request.p10")
    check_free(context, target, force)
    extensions: Row = {"extended_key_usage": extended_usage, "policies": policy, "sign_tool": sign_tool}
    if usage:
        extensions["key_usage"] = usage

    async def work(session: Session) -> Row:
        objects = await session.objects()
        chosen = parse(context, key, objects) if key else only_key(session.context, objects, session.token)
        answer_in_window(session)
        return await session("token_request", key=chosen, subject=subject, extensions=extensions)

    made = with_token(context, wanted, ask, pin_fd, work, key_files=wanted is not None)
    der = base64.b64decode(made["request"])
    write(target, _pem(der) if pem else der, force)
    if as_json:
        print_json({"file": str(target)})
    else:
        say(context.text("token.request_written", path=plain(target)))


COMMANDS = (generate_key, request)


def _pem(der: bytes) -> bytes:
    """RFC 7468 section 7."""
    body = base64.b64encode(der).decode("ascii")
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""]).encode()
