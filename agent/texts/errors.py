"""The wordings of errors: what happened and what to do, with codes among the facts put into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.texts.catalogue import text

# Errors whose fact `reason` may be one of our codes; other reasons are the system's own words.
REASONS: Mapping[str, tuple[str, ...]] = {
    "module_unloadable": ("format", "architecture", "no_library"),
    "module_forbidden": ("not_listed", "changed"),
    "certificate_unusable": ("expired", "not_yet_valid", "key_usage", "key_unsupported", "no_key"),
}


def error_text(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """What happened. A name that no catalogue knows comes back as its key."""
    return text(f"error.{name}.text", language, **worded(name, language, facts))


def error_advice(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """What can be done about it."""
    return text(f"error.{name}.advice", language, **worded(name, language, facts))


def reason_text(name: str, language: str, facts: Mapping[str, Any]) -> str:
    """The reason of an error in words; empty where it has none."""
    reason = str(facts.get("reason") or "")
    if reason in REASONS.get(name, ()):
        return text(f"error.{name}.reason.{reason}", language, **facts)
    return reason


def worded(name: str, language: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as the wordings take them."""
    return {**facts, "reason": reason_text(name, language, facts)} if "reason" in facts else dict(facts)
