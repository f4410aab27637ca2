"""A notification that was kept, in words."""

from __future__ import annotations

from collections.abc import Mapping

from agent.texts.catalogue import text
from agent.texts.visible import visible


def notice_words(kind: str, facts: Mapping[str, object], language: str) -> tuple[str, str]:
    """Its title and its body, each in one line. Of a kind that this version does not know: the kind."""
    shown = {name: visible(str(value)) for name, value in facts.items()}
    title, body = (text(f"notice.{kind}.{part}", language, **shown) for part in ("title", "body"))
    if title == f"notice.{kind}.title":
        return visible(kind), ""
    return title, " ".join(body.split())
