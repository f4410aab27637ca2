"""What the icon shows and offers, for every desktop alike. Pure: no bus, no toolkit."""

from __future__ import annotations

import enum
from typing import NamedTuple

from agent.texts.catalogue import plural, text

PAGES = ("certificates", "sign", "verify", "journal", "diagnosis", "care", "sites", "settings")  # of Pero's window


class Situation(enum.StrEnum):
    """The state at a glance; each has an icon of another shape (`agent/desktop/icons`)."""

    READY = "ready"
    TOKEN = "token"  # noqa: S105 - there is one in the machine
    ATTENTION = "attention"  # a date or a PIN to look after
    TROUBLE = "trouble"  # signing does not work
    PAUSED = "paused"


ICONS = {
    Situation.READY: "pero",
    Situation.TOKEN: "pero-token",
    Situation.ATTENTION: "pero-attention",
    Situation.TROUBLE: "pero-trouble",
    Situation.PAUSED: "pero-paused",
}


class Sight(NamedTuple):
    """All that the icon knows. `why` is a wording, already in the person's language, or empty."""

    language: str
    situation: Situation = Situation.READY
    tokens: int = 0
    why: str = ""

    @property
    def icon(self) -> str:
        return ICONS[self.situation]

    @property
    def tooltip(self) -> str:
        """One or two lines."""
        if self.situation is Situation.TOKEN or (self.situation is Situation.READY and self.tokens):
            first = plural("tray.tokens", self.tokens, self.language)
        else:
            first = text(f"tray.situation.{self.situation}", self.language)
        return f"{first}\n{self.why}" if self.why else first


class Row(NamedTuple):
    """One row of the menu. `action` is what is done when it is chosen; empty: it only says something, or is a line."""

    number: int  # the same for as long as the program runs; 0 is the menu itself
    label: str = ""  # empty: a line between groups
    action: str = ""


_FIRST, _PAGE, _LAST = 1, 10, 100  # numbers


def rows(sight: Sight) -> tuple[Row, ...]:
    """The menu, top to bottom."""

    def word(key: str) -> str:
        return text(f"tray.menu.{key}", sight.language)

    pages = [Row(_PAGE + index, word(page), f"open:{page}") for index, page in enumerate(PAGES)]
    pause = "resume" if sight.situation is Situation.PAUSED else "pause"
    return (
        Row(_FIRST, sight.tooltip.splitlines()[0]),
        Row(_FIRST + 1),
        *pages[:3],
        Row(_FIRST + 2),
        *pages[3:],
        Row(_FIRST + 3),
        Row(_LAST, word(pause), pause),
        Row(_LAST + 1, word("quit"), "quit"),
    )
