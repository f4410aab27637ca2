"""Values of ours as JSON that people may look at on a terminal."""

from __future__ import annotations

import json
import re

_OTHER = re.compile(r"[^\n -~А-Яа-яЁё]")


def as_json(value: object) -> str:
    """Indented, letters as they are; what steers a terminal or cannot be seen stands there as JSON's own escapes, and
    octets of a file's name that are no UTF-8 too. What reads JSON gets the same value."""
    return _OTHER.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=2))


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]
