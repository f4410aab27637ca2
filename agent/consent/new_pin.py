"""What a new PIN must not be. Asked by windows and the terminal, which take it from the person; nobody else sees it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from agent.ipc import passphrase
from agent.texts.catalogue import text
from agent.texts.errors import faults_text

Weakness = Literal["default", "same", "row"]

# What vendors give to their tokens, and what everybody tries first; compared without regard to case
_KNOWN = frozenset(
    {"12345678", "87654321", "1234567890", "0987654321", "123456", "654321", "1234", "password", "qwerty", "пароль"}
)
_ROWS = ("01234567890", "09876543210", "qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ")


def weakness(secret: str) -> Weakness | None:
    """Why a PIN or passphrase is too easy to guess; None where nothing is found."""
    folded = secret.casefold()
    if folded in _KNOWN:
        return "default"
    if len(set(folded)) < 2:
        return "same"
    return "row" if len(folded) > 2 and any(folded in row for row in _ROWS) else None


def passphrase_fault(secret: str, names: Iterable[str], language: str) -> str:
    """All that is wrong with a new passphrase of a key file, in words; empty where nothing is found."""
    found = ",".join(passphrase.faults(secret, names))
    facts = {"minimum": passphrase.LEAST}
    return text("passphrase.weak", language, faults=faults_text(language, found, facts)) if found else ""


def fits(secret: str, minimum: int | None, maximum: int | None) -> bool:
    """Whether its length in bytes of UTF-8 is one that the token takes."""
    size = len(secret.encode("utf-8"))
    return (minimum is None or size >= minimum) and (maximum is None or size <= maximum)
