"""An entry of the journal in words. What others wrote is made visible; what has no words stands as it is."""

from __future__ import annotations

from collections.abc import Mapping

from agent.texts.catalogue import text
from agent.texts.visible import visible

_CODES = ("asked_by", "outcome", "transport")  # facts whose values are names of ours


def kind_words(kind: str, language: str) -> str:
    return _words(f"journal.kind.{kind}", kind, language)


def fact_name(name: str, language: str) -> str:
    return _words(f"journal.fact.{name}", name, language)


def fact_value(name: str, value: object, language: str) -> str:
    if isinstance(value, bool):
        return text("journal.yes" if value else "journal.no", language)
    if name in _CODES:
        return _words(f"journal.{name}.{value}", value, language)
    return visible(str(value))


def fact_words(facts: Mapping[str, object], language: str, without: tuple[str, ...] = ()) -> list[str]:
    """Such as `document: contract.pdf`, for every fact that says something."""
    return [
        f"{fact_name(name, language)}: {fact_value(name, value, language)}"
        for name, value in facts.items()
        if value not in ("", None) and name not in without
    ]


def _words(key: str, raw: object, language: str) -> str:
    words = text(key, language)
    return visible(str(raw)) if words == key else words
