"""What a new passphrase of a key file must not be (R39). Held by the worker, said beforehand by window and terminal.

Whoever has the file guesses as fast as the machine goes: 600,000 rounds of PBKDF2 are some ten thousand guesses a
second on one graphics card, where a token would have locked itself after the tenth. So the rule is another than that
for PINs.
What it does not see: a sentence out of a book, a date of birth, a passphrase that is used elsewhere too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

Fault = Literal["short", "known", "few", "row", "digits", "name", "judged"]
FAULTS: tuple[Fault, ...] = ("short", "known", "few", "row", "digits", "name", "judged")  # in the order of telling

LEAST = 10  # characters
LEAST_OF_DIGITS = 20  # characters, where all are digits
_LEAST_DIFFERENT = 5  # characters
_LEAST_OF_NAME = 4  # characters; a shorter part of a name is found in many words
_LONGEST_NAMES = 32  # parts of names that are looked at

# What is tried first, beside the vendors' PINs: small letters, without what stands behind it (digits, "!")
KNOWN = frozenset(
    {
        "password", "passw0rd", "passphrase", "qwerty", "qwertyuiop", "qwerty123", "letmein", "welcome", "iloveyou",
        "administrator", "admin", "changeme", "changeit", "default", "secret", "master", "dragon", "monkey", "football",
        "sunshine", "princess", "superman", "trustno1", "whatever", "cryptopro", "rutoken", "jacarta", "vipnet",
        "gosuslugi", "nalog", "пароль", "парольпароль", "йцукен", "йцукенгшщз", "привет", "любовь", "солнышко",
        "админ", "администратор", "секрет", "госуслуги", "налоговая", "директор", "бухгалтер", "рутокен",
        "криптопро", "ghbdtn", "gfhjkm", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "1qaz2wsx3edc", "zaq12wsx", "q1w2e3r4t5",
        "correcthorsebatterystaple",
    }
)  # fmt: skip
ROWS = ("01234567890", "09876543210", "qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю",
        "abcdefghijklmnopqrstuvwxyz", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя")  # fmt: skip
_BEHIND = re.compile(r"[\W\d_]*$")


def faults(secret: str, names: Iterable[str] = ()) -> tuple[Fault, ...]:
    """Everything that is wrong with it; empty where nothing is found. `names`: of the file and of its owner, of which
    no part may stand in it."""
    folded = secret.casefold()
    found: dict[Fault, bool] = {
        "short": len(secret) < LEAST,
        "known": _is_known(folded),
        "few": len(set(folded)) < _LEAST_DIFFERENT,
        "row": _is_a_row(folded),
        "digits": folded.isdecimal() and len(folded) < LEAST_OF_DIGITS,
        "name": any(part in folded for part in _parts(names)),
    }
    return tuple(fault for fault in FAULTS if found.get(fault))


def _is_known(folded: str) -> bool:
    bare = _BEHIND.sub("", folded).replace(" ", "")
    return folded in KNOWN or bare in KNOWN or _half(bare) in KNOWN


def _half(bare: str) -> str:
    """One word that was typed twice; else what there is."""
    middle = len(bare) // 2
    return bare[:middle] if middle and bare[:middle] == bare[middle:] else bare


def _is_a_row(folded: str) -> bool:
    """Nothing but keys or letters that stand side by side, once or several times."""
    left = folded
    for row in ROWS:
        left = _without(left, row)
    return len(folded) > 0 and len(left) <= len(folded) // 4


def _without(folded: str, row: str) -> str:
    """Without every run of four or more characters of the row."""
    kept, start = [], 0
    while start < len(folded):
        end = start + 1
        while end < len(folded) and folded[start : end + 1] in row:
            end += 1
        if end - start < 4:
            kept.append(folded[start])
            end = start + 1
        start = end
    return "".join(kept)


def _parts(names: Iterable[str]) -> Sequence[str]:
    """Words of the names, small letters; of a file's name without its extension."""
    words = [word for name in names for word in re.split(r"[\W_]+", name.casefold())]
    return [word for word in words if len(word) >= _LEAST_OF_NAME and not word.isdecimal()][:_LONGEST_NAMES]
