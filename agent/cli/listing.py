"""A certificate in lines of text, as `certificates`, `keyfile` and `sign` print it."""

from __future__ import annotations

import re
from typing import Any

import click

from agent.cli.context import Context, print_json
from agent.cli.output import complain, plain, say
from agent.texts.standards import standard

DATE = 10  # characters of an ISO 8601 time that are its date
_THUMBPRINT = re.compile("[0-9a-f]{64}")  # SHA-256


def thumbprint(context: Context, given: str) -> str:
    """A thumbprint as the methods want it; colons, spaces and capitals are fine. Raises click.UsageError."""
    bare = given.replace(":", "").replace(" ", "").lower()
    if not _THUMBPRINT.fullmatch(bare):
        raise click.UsageError(context.text("listing.no_thumbprint", given=plain(given)))
    return bare


def describe(context: Context, certificate: dict[str, Any]) -> list[str]:
    """The whole description; `certificate` is a row of the method `certificates`."""
    token = certificate["token"]
    lines = [
        plain(certificate["owner"]),
        _line(context, "issuer", certificate["issuer"]),
        _line(context, "validity", f"{certificate['not_before'][:DATE]} — {certificate['not_after'][:DATE]}"),
        _line(context, "key", standard(certificate["key"], context.language)),
        _line(context, "token", f"{token['label']} {token['serial']}".strip()),
        _line(context, "thumbprint", certificate["thumbprint"]),
    ]
    lines += [f"  - {context.text(f'problem.{name}')}" for name in certificate.get("misfits", ())]
    days = {"from_day": certificate["not_before"][:DATE], "to_day": certificate["not_after"][:DATE]}
    lines += [f"  ! {context.text(f'problem.{name}', **days)}" for name in certificate["problems"]]
    return lines + [f"  ! {context.text(f'warning.{name}')}" for name in certificate["warnings"]]


def show_offered(context: Context, listed: dict[str, Any], as_json: bool) -> None:
    """Everything that there is, what fits first; of the others the reasons."""
    if as_json:
        print_json(listed)
        return
    for certificate in sorted(listed["certificates"], key=lambda row: bool(row["misfits"])):
        for line in describe(context, certificate):
            say(line)
        say()
    if not any(not row["misfits"] for row in listed["certificates"]):
        say(context.text("listing.none_fits" if listed["certificates"] else "listing.none"))
    for fault in listed["faults"]:
        complain(context.text("listing.fault", module=plain(fault["module"]), text=plain(fault["text"])))


def summary(certificate: dict[str, Any]) -> str:
    """One line: whose, until when, where."""
    token = certificate["token"]
    return plain(
        f"{certificate['owner']}, {certificate['not_after'][:DATE]}, {token['label']} {token['serial']}"
    ).strip()


def _line(context: Context, name: str, value: str) -> str:
    return f"  {context.text(f'listing.{name}')}: {plain(value)}"
