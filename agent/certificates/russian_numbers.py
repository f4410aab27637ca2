"""Check digits of the numbers that Russian certificates carry: of taxpayers, registers and the pension fund.

Each function takes digits alone and says whether they can be such a number; nobody is asked whether it was given out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Check = Callable[[str], bool]

# Orders of the Federal Tax Service on the structure of the ИНН
_INN_10 = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_11 = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_12 = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)

_SNILS_UNCHECKED = 1001998  # numbers up to 001-001-998 were given out without check digits


def is_inn_le(digits: str) -> bool:
    """ИНН of an organisation: ten digits."""
    return _has_digits(digits, 10) and _weighted(digits, _INN_10) == int(digits[9])


def is_inn(digits: str) -> bool:
    """ИНН of a person: twelve digits. That of an organisation behind "00" stood here in older certificates."""
    if not _has_digits(digits, 12):
        return False
    if digits.startswith("00"):
        return is_inn_le(digits[2:])
    return _weighted(digits, _INN_11) == int(digits[10]) and _weighted(digits, _INN_12) == int(digits[11])


def is_ogrn(digits: str) -> bool:
    """ОГРН: thirteen digits, the first not zero; the last is the rest modulo 11, of which the last digit counts."""
    return _has_digits(digits, 13) and digits[0] != "0" and int(digits[:12]) % 11 % 10 == int(digits[12])


def is_ogrnip(digits: str) -> bool:
    """ОГРНИП: fifteen digits, the first 3 (or 4); the last is the rest modulo 13, of which the last digit counts."""
    return _has_digits(digits, 15) and digits[0] in "34" and int(digits[:14]) % 13 % 10 == int(digits[14])


def is_snils(digits: str) -> bool:
    """СНИЛС: eleven digits, the last two of which are checked above 001-001-998."""
    if not _has_digits(digits, 11):
        return False
    if int(digits[:9]) <= _SNILS_UNCHECKED:
        return int(digits[:9]) > 0
    total = sum(weight * int(digit) for weight, digit in zip(range(9, 0, -1), digits[:9], strict=True))
    return total % 101 % 100 == int(digits[9:])


def _has_digits(digits: str, count: int) -> bool:
    return len(digits) == count and digits.isascii() and digits.isdigit()


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=False)) % 11 % 10
