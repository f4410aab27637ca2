"""Every wording, by key and language, out of gettext catalogues: one file for each domain and language.

Keys are names ("error.pin_incorrect.text"), both languages are catalogues. ``{name}`` in a wording is filled in.
The .mo files are compiled from the .po files beside them by ``make``.
"""

from __future__ import annotations

import functools
import gettext
from collections.abc import Mapping
from pathlib import Path

LANGUAGES = ("ru", "en")
DOMAINS = (
    "errors", "windows", "commands", "diagnostics", "return_codes",
    "desk", "desk_certificates", "desk_files", "desk_records", "desk_settings", "desk_guide", "care",
)  # fmt: skip
FOLDER = Path(__file__).parent / "locale"


def language_of(environment: Mapping[str, str], setting: str = "") -> str:
    """The language to speak: the person's setting, else what the locale says, else English."""
    if setting in LANGUAGES:
        return setting
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(variable)
        if value:
            return "ru" if value.lower().startswith("ru") else "en"
    return "en"


def text(key: str, language: str, /, **facts: object) -> str:
    """The wording of a key. A key that no catalogue knows is returned as it is: a text that is missing stops nothing;
    tests find those."""
    wording = _catalogue(language).gettext(key)
    return _fill(wording, facts)


def plural(key: str, number: int, language: str, **facts: object) -> str:
    """The wording of a key for a number; the catalogue's msgid_plural is the key itself."""
    wording = _catalogue(language).ngettext(key, key, number)
    return _fill(wording, {"number": number, **facts})


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def _fill(wording: str, facts: Mapping[str, object]) -> str:
    return wording.format_map(_Facts(facts)) if facts or "{" in wording else wording


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    first: gettext.NullTranslations | None = None
    for domain in DOMAINS:
        translation = gettext.translation(domain, FOLDER, languages=[language], fallback=True)
        if first is None:
            first = translation
        else:
            first.add_fallback(translation)
    assert first is not None  # noqa: S101 - DOMAINS is not empty
    return first
