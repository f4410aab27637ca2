"""Return codes of PKCS#11 as our errors. The binding's own table of names is the judge."""

from __future__ import annotations

import PyKCS11
import pytest

from agent.errors import PeroError, PinIncorrect, PinInvalid, PinLocked, PinNotSet, TokenAbsent, TokenFailed
from agent.texts.errors import error_text
from agent.texts.return_codes import in_words
from agent.tokens import return_codes

NOT_IN_240 = {0x1B9}  # CKR_PUBLIC_KEY_INVALID, of v3.0


def test_every_name_is_the_standards_own() -> None:
    wrong = {code: name for code, name in return_codes.NAMES.items() if PyKCS11.CKR.get(code) != name}
    assert wrong == {}


def test_every_code_of_the_standard_has_its_name() -> None:
    """The binding's table goes further than PKCS#11 v2.40, whose last codes are those of section 5.1 of its header."""
    known = {code for code in PyKCS11.CKR if isinstance(code, int) and (0 <= code <= 0x1B9 or code == 0x200)}
    assert known - set(return_codes.NAMES) <= NOT_IN_240


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_code_has_words(language: str) -> None:
    for name in (*return_codes.NAMES.values(), "CKR_VENDOR_DEFINED+0x123"):
        words = in_words(name, language)
        assert words.endswith(f" ({name})")
        assert "return_code." not in words
        assert words in error_text(
            "token_failed", language, {"return_code": name, "operation": "C_Sign", "module": "m"}
        )
    assert in_words("0x00007777", language) == "0x00007777"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0xA0, PinIncorrect),
        (0xA3, PinInvalid),
        (0xA4, PinLocked),
        (0x102, PinNotSet),
        (0xE0, TokenAbsent),
        (0xB3, TokenAbsent),
        (0x30, TokenFailed),
    ],
)
def test_codes_become_errors(code: int, error: type[PeroError]) -> None:
    assert type(return_codes.from_return_code(code, operation="C_Login", module="m", token="t")) is error


@pytest.mark.parametrize("code", [0x80000123, 0x80000123 - (1 << 32), 0xFFFFFFFF80000123])
def test_a_vendors_code_is_the_same_whatever_width_it_came_in(code: int) -> None:
    assert return_codes.name(code) == "CKR_VENDOR_DEFINED+0x123"


def test_an_unknown_code_keeps_its_number() -> None:
    error = return_codes.from_return_code(0x7777, operation="C_Sign", module="m")
    assert error.facts == {"operation": "C_Sign", "return_code": "0x00007777", "module": "m"}
