"""`pero demo create DIR`: a demo authority and demo signers in encrypted key files."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from agent.cli.context import Context, json_option, print_json
from agent.cli.output import plain, say


@click.group(name="demo", help="command.demo.help", no_args_is_help=True)
def command() -> None:
    """Certificates to try things out with."""


@command.command(name="create", help="command.demo.create.help")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def create(context: Context, folder: Path, as_json: bool) -> None:
    """Write `ca.pem`, the signers' key files and `pin.txt` into a new folder."""
    from agent.certificates import demo

    profile = demo.load_profile()
    paths = demo.create(folder.absolute(), profile, datetime.datetime.now(datetime.UTC))
    if as_json:
        print_json({"files": [str(path) for path in paths], "days": profile.days})
        return
    say(context.text("command.demo.created", folder=plain(folder), days=profile.days))
    for path in paths:
        say(f"  {plain(path)}")
