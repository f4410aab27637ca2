"""What is told of a copy of a key, beside where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from agent.texts.catalogue import text
from agent.texts.visible import visible

_TRASH = frozenset({"trash", ".trash", "$recycle.bin"})  # names of folders, small letters; with a user's number too
_DAY = 10  # characters of an ISO 8601 time that are its date


def notes(stray: Mapping[str, Any], language: str) -> list[str]:
    """`stray`: a row of `find_strays`."""
    found = []
    if stray["open_to_others"]:
        found.append(text("strays.note.open_to_others", language))
    if stray["cloud"]:
        found.append(text("strays.note.cloud", language, product=visible(stray["cloud"])))
    if stray["backup"]:
        found.append(text("strays.note.backup", language, day=str(stray["backup"])[:_DAY]))
    if any(
        part.casefold() in _TRASH or part.casefold().startswith(".trash-") for part in PurePath(stray["path"]).parts
    ):
        found.append(text("strays.note.trash", language))
    return found


def steps(place: str, sites: list[str], language: str, *, paused: bool) -> list[str]:
    """What to do when a key may be lost, in order. `place` and `sites` as of `report_lost`."""
    where = text(f"lost.where.{place}", language)
    if sites:
        where += " " + text("lost.sites", language, sites=", ".join(visible(site) for site in sites))
    return [
        text("lost.step.paused" if paused else "lost.step.unpaused", language),
        where,
        text("lost.step.statement", language),
        text("lost.step.tell", language),
        text("lost.step.portals", language),
        text("lost.step.anew", language),
        text("lost.step.resume", language),
    ]
