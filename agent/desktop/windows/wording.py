"""Words, numbers and dates in the language of the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from agent.errors import Fact
from agent.texts import catalogue
from agent.texts.errors import worded
from agent.texts.visible import visible

_DAY = {"ru": "%d.%m.%Y", "en": "%Y-%m-%d"}
_UNITS = ("kib", "mib", "gib")
_UNIT = 1024  # bytes in the first of _UNITS


class Wording:
    """The catalogue in one language. What others wrote is made visible before it is put into a wording."""

    def __init__(self, language: str) -> None:
        self.language = language if language in catalogue.LANGUAGES else "en"

    def __call__(self, key: str, **facts: object) -> str:
        return catalogue.text(key, self.language, **facts)

    def plural(self, key: str, number: int) -> str:
        return catalogue.plural(key, number, self.language)

    def known(self, key: str) -> str:
        """The wording of a key that may have none; empty then."""
        wording = self(key)
        return "" if wording == key else wording

    def error(self, name: str, facts: Mapping[str, Fact]) -> str:
        """What happened, and what the person can do about it."""
        shown = {key: visible(value) if isinstance(value, str) else value for key, value in facts.items()}
        shown = worded(name, self.language, shown)
        sentences = []
        for part in ("text", "advice"):
            key = f"error.{name}.{part}"
            wording = self(key, **shown)
            if wording != key:
                sentences.append(wording)
        return " ".join(sentences) or self("failure.unknown", name=visible(name))

    def day(self, moment: str) -> str:
        """The day of a moment in ISO 8601 (UTC)."""
        return self._moment(moment, _DAY[self.language])

    def moment(self, moment: str) -> str:
        """Day and time of a moment in ISO 8601, in UTC."""
        return self._moment(moment, _DAY[self.language] + " %H:%M:%S UTC")

    def size(self, size: int) -> str:
        """Bytes, and a larger unit beside them."""
        exact = self.plural("size.bytes", size)
        amount, unit = float(size), ""
        for larger in _UNITS:
            if amount < _UNIT:
                break
            amount, unit = amount / _UNIT, larger
        if not unit:
            return exact
        number = f"{amount:.1f}"
        return f"{self(f'size.{unit}', amount=number.replace('.', ',') if self.language == 'ru' else number)} ({exact})"

    def _moment(self, moment: str, form: str) -> str:
        try:
            return datetime.fromisoformat(moment).astimezone(UTC).strftime(form)
        except (ValueError, OverflowError):
            return visible(moment)
