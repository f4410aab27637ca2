"""The options of `pero sign` that say what kind of signature is wanted, and of which certificate."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
import msgspec

from agent.cli.context import Context
from agent.cli.output import plain

_LISTS = frozenset({"thumbprints", "key_types", "key_sizes", "key_usage", "purposes", "policies"})
_NUMBERS = frozenset({"key_sizes", "valid_days"})
_WORDS = frozenset(
    {"issuer", "subject", "serial", "valid_at", "valid_days", "inn", "inn_le", "ogrn", "ogrnip", "snils"}
)
_QUALIFIED = "qualified"


def kind_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command gets all of these as the keywords that `wanted` takes."""
    for option in reversed(
        (
            click.option("--format", "format_", type=click.Choice(["cades", "cms", "pades", "xmldsig", "xades"]),
                         default="cades", help="command.sign.option.format"),
            click.option("--level", type=click.Choice(["b", "t", "lt"]), default="b", help="command.sign.option.level"),
            click.option("--fallback", is_flag=True, help="command.sign.option.fallback"),
            click.option("--attached", is_flag=True, help="command.sign.option.attached"),
            click.option("--packaging", type=click.Choice(["enveloped", "enveloping", "detached"]),
                         help="command.sign.option.packaging"),
            click.option("--encoding", type=click.Choice(["der", "pem", "base64", "base64_lines"]), default="der",
                         help="command.sign.option.encoding"),
            click.option("--digest", metavar="NAME", help="command.sign.option.digest"),
            click.option("--padding", type=click.Choice(["pkcs1", "pss"]), default="pkcs1",
                         help="command.sign.option.padding"),
            click.option("--reason", metavar="TEXT", help="command.sign.option.reason"),
            click.option("--name", is_flag=True, help="command.sign.option.name"),
            click.option("--co-sign", type=click.Path(), metavar="SIGNATURE", help="command.sign.option.co_sign"),
            click.option("--counter-sign", type=click.Path(), metavar="SIGNATURE",
                         help="command.sign.option.counter_sign"),
            click.option("--signer", type=click.IntRange(1, 1000), metavar="N", help="command.sign.option.signer"),
            click.option("--visible", metavar="X,Y,WIDTH,HEIGHT[,PAGE]", help="command.sign.option.visible"),
            click.option("--text", metavar="TEXT", help="command.sign.option.text"),
            click.option("--location", metavar="TEXT", help="command.sign.option.location"),
            click.option("--contact", metavar="TEXT", help="command.sign.option.contact"),
            click.option("--field", metavar="NAME", help="command.sign.option.field"),
            click.option("--id", "id_", metavar="ID", help="command.sign.option.id"),
            click.option("--place", metavar="ID", help="command.sign.option.place"),
            click.option("--smev", is_flag=True, help="command.sign.option.smev"),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def filter_option(name: str, key: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--filter NAME=VALUE`, any number of times; the command gets `filters`."""
    return click.option(name, "filters", multiple=True, metavar="NAME=VALUE", help=key)


def wanted(context: Context, **given: Any) -> dict[str, Any]:
    """Parameters of `sign_file`, as far as they say what kind of signature. Raises click.UsageError."""
    pdf = {name: given[name] for name in ("location", "contact", "field")}
    options = {
        "format": given["format_"],
        "level": given["level"],
        "fallback": given["fallback"],
        "encoding": given["encoding"],
        "padding": given["padding"],
        "name": given["name"],
        "packaging": given["packaging"],
        "reason": given["reason"],
        "pdf": _known({**pdf, "visible": _visible(context, given["visible"], given["text"])}),
        "xml": _known({"id": given["id_"], "place": given["place"], "transform": "smev" if given["smev"] else None}),
    }
    parameters: dict[str, Any] = {"attached": given["attached"], "options": _known(options)}
    if given["co_sign"] and given["counter_sign"]:
        raise click.UsageError(context.text("sign.one_mode"))
    existing = given["co_sign"] or given["counter_sign"]
    if existing:
        parameters["options"]["mode"] = "co_sign" if given["co_sign"] else "counter_sign"
        parameters["existing_path"] = os.path.abspath(existing)  # noqa: PTH100 - links stay
    if given["signer"] is not None:
        parameters["options"]["signer"] = given["signer"] - 1
    if given["digest"]:
        parameters["digest_algorithm"] = given["digest"]
    _check(context, parameters)
    return parameters


def _check(context: Context, parameters: dict[str, Any]) -> None:
    """What the agent would refuse of these options, whatever the document is. Raises click.UsageError."""
    from agent.model import Document
    from agent.signing.making_xml import combination
    from agent.signing.options import XML_FORMATS, SignatureOptions, conflict

    existing = {"existing": b""} if "existing_path" in parameters else {}
    try:
        options = msgspec.convert({**parameters["options"], **existing}, SignatureOptions)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("`$.")[2].rstrip("`") or "?"
        raise click.UsageError(context.text("sign.bad_value", option=f"--{where.rpartition('.')[2]}")) from error
    document = Document("file", b"", "")
    named = "digest_algorithm" in parameters
    found = conflict(options, document, attached=parameters["attached"], digest_named=named)
    if found is not None:
        words = context.text(f"sign.conflict.{found.key}", format=options.format, level=options.level.upper())
        raise click.UsageError(words)
    if options.format in XML_FORMATS and combination(document, options) is not None:
        raise click.UsageError(context.text("sign.conflict.xml_options"))


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Without what was not said: `false` and `null` ask nothing."""
    return {name: value for name, value in options.items() if value not in (None, False, {})}


def _visible(context: Context, place: str | None, text: str | None) -> dict[str, Any] | None:
    if place is None:
        if text is not None:
            raise click.UsageError(context.text("sign.text_without_place"))
        return None
    names = ("x", "y", "width", "height", "page")
    try:
        numbers = [float(one) for one in place.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 5) or (len(numbers) == 5 and not numbers[4].is_integer()):
        raise click.UsageError(context.text("sign.no_place", given=plain(place)))
    found: dict[str, Any] = dict(zip(names, numbers, strict=False))
    if "page" in found:
        found["page"] = int(found["page"])
    return _known({**found, "text": text}) | {"x": found["x"], "y": found["y"]}


def filter_of(context: Context, given: tuple[str, ...]) -> dict[str, Any]:
    """A filter out of NAME=VALUE; lists have commas. `qualified` stands alone. Raises click.UsageError."""
    found: dict[str, Any] = {}
    for one in given:
        name, is_pair, value = one.partition("=")
        name = name.replace("-", "_")
        if name == _QUALIFIED and not is_pair:
            found[name] = True
        elif is_pair and name in _LISTS:
            found[name] = [_number(context, name, part, one) for part in value.split(",")]
        elif is_pair and name in _WORDS:
            found[name] = _number(context, name, value, one)
        else:
            names = ", ".join(sorted({*_LISTS, *_WORDS, _QUALIFIED}))
            raise click.UsageError(context.text("sign.no_filter", given=plain(one), names=names))
        _check_filter(context, {name: found[name]}, one)
    return found


def _check_filter(context: Context, wanted: dict[str, Any], given: str) -> None:
    """Raises click.UsageError where the value is none that there can be."""
    from agent.signing.filters import Filter

    try:
        msgspec.convert(wanted, Filter, strict=True)
    except msgspec.ValidationError as error:
        (name,) = wanted
        what = context.text(f"sign.filter_value.{name}")
        words = "" if what == f"sign.filter_value.{name}" else what
        raise click.UsageError(context.text("sign.bad_filter", given=plain(given), words=words).strip()) from error


def offer_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters of `certificates`, out of those of `sign_file`: what may be signed with."""
    offer = {"filter": parameters["filter"], "padding": parameters["options"]["padding"]}
    digest = parameters.get("digest_algorithm")
    return {**offer, "digest_algorithm": digest} if digest else offer


def _number(context: Context, name: str, value: str, whole: str) -> str | int:
    if name not in _NUMBERS:
        return value
    if not value.isdecimal():
        raise click.UsageError(context.text("sign.no_number", given=plain(whole)))
    return int(value)
