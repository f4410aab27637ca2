"""The words of the command line: commands carry keys of the catalogue where click expects help, and are worded late.

click's own words ("Usage:", "No such option") are entries of the same catalogue, found by click through gettext.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping

import click

from agent.texts import catalogue

_DOMAIN = "commands"


def speak(language: str, environment: Mapping[str, str]) -> None:
    """Let click's own words come from our catalogue, in this language."""
    gettext.bindtextdomain(_DOMAIN, str(catalogue.FOLDER))
    gettext.textdomain(_DOMAIN)
    if environment.get("LANGUAGE") or catalogue.language_of(environment) != language:
        os.environ["LANGUAGE"] = language  # what gettext looks at first


def word(command: click.Command, language: str) -> click.Command:
    """Put wordings where the command and its parts carry keys. A text that is no key stays as it is."""
    command.help = _worded(command.help, language)
    command.short_help = _worded(command.short_help, language)
    command.epilog = _worded(command.epilog, language)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = _worded(parameter.help, language)
    if isinstance(command, click.Group):
        for part in command.commands.values():
            word(part, language)
    return command


def _worded(key: str | None, language: str) -> str | None:
    return catalogue.text(key, language) if key else key
